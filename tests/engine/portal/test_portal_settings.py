"""portal.toml: what it says counts, what is wrong is named with its key, and without it all is as ever."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from portals import beat, opened_portal, running, told

from servers.certificates import Certificates
from servers.process import free_port
from tm_tui.errors import SettingsRefused, TmError
from tm_tui.portal.certificate import Certificate
from tm_tui.portal.home import PortalHome
from tm_tui.portal.settings import PortalSettings, keys
from tm_tui.portal.settings_file import NAME, read_settings

pytestmark = pytest.mark.one_store("portal.toml is what it is about")


def written(home: Path, text: str, mode: int = 0o600) -> Path:
    """A home with this portal.toml."""
    home.mkdir(mode=0o700, exist_ok=True)
    (home / NAME).write_text(text)
    (home / NAME).chmod(mode)
    return home


def test_without_a_file_all_has_its_default(home: Path) -> None:
    """A portal needs no settings, and an option that was not given says nothing."""
    assert read_settings(home, {"host": None, "names": None}) == PortalSettings()


def test_options_stand_above_the_file(home: Path) -> None:
    """What the command line says counts; the rest is the file's."""
    written(home, '\ufeffhost = "::1"\nhttps_port = 8443\nnames = ["a.example.com"]\n')
    found = read_settings(home, {"host": "127.0.0.1", "https_port": 0, "ssh_port": None})
    assert (found.host, found.https_port, found.ssh_port, found.names) == (
        "127.0.0.1",
        0,
        0,
        ("a.example.com",),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("htps_port = 1", "htps_port: There is no such setting. Did you mean https_port?"),
        (
            '[tls]\ncertificat = "a"',
            "tls.certificat: There is no such setting. Did you mean tls.certificate?",
        ),
        ('certificate = "a"', "certificate: There is no such setting. Did you mean tls.certificate?"),
        ("surprise = 1", "surprise: There is no such setting. See docs/portal-settings.md."),
        ('https_port = "8443"', "https_port: This is no whole number. Enter digits only, without quotes."),
        ("https_port = true", "https_port: This is no whole number."),
        ("https_port = 65536", "https_port: The number is too large. Enter at most 65535."),
        ("ssh_port = -1", "ssh_port: The number is too small. Enter at least 0."),
        ("host = 1", "host: This is no text. Put the value in quotes."),
        ('host = "a b"', "host: This is no address to listen on."),
        ('names = "a"', "names: This is no list."),
        ('names = ["https://a"]', "names.0: This is neither an IP address nor a host name."),
        ("tls = 1", "tls: This is no table."),
        ('[tls]\ncertificate = "a"', "tls: Certificate and key belong together, and key is missing."),
        ('[tls]\nkey = "a"', "tls: Certificate and key belong together, and certificate is missing."),
        ("[limits]\nssh = 1", "limits.ssh: The number is too small."),
        ("host = ", "is no TOML"),
        ("[limits]\n[limits]\n", "is no TOML"),
    ],
)
def test_what_is_wrong_is_said_by_its_key(home: Path, text: str, words: str) -> None:
    """The command ends in one line with key, cause and remedy, and nothing was made."""
    written(home, text)
    done = told("--home", str(home))
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in home.iterdir()] == [NAME]


def test_every_problem_is_told(home: Path) -> None:
    """Whoever reads the error as data gets all of it at once."""
    written(home, "a = 1\nssh_port = -1\n[limits]\nssh = 1\n")
    with pytest.raises(SettingsRefused) as refused:
        read_settings(home, {})
    assert {one.field for one in refused.value.problems} == {
        f"{NAME}: {key}" for key in ("a", "ssh_port", "limits.ssh")
    }


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"host = '\xff'", 0o600, "no text in UTF-8"),
        (b"# " + b"x" * 70_000, 0o600, "more than 65536 bytes"),
        (b"", 0o666, "may change"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(home: Path, content: bytes, mode: int, words: str) -> None:
    """Other encodings, a file without end, and one that anybody may change."""
    written(home, "", mode)
    (home / NAME).write_bytes(content)
    with pytest.raises(TmError, match=words):
        read_settings(home, {})


def test_a_link_and_a_folder_are_no_settings(home: Path, tmp_path: Path) -> None:
    """What stands in the place of the file is named."""
    home.mkdir(mode=0o700)
    (home / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TmError, match="symbolic link"):
        read_settings(home, {})
    (home / NAME).unlink()
    (home / NAME).mkdir()
    with pytest.raises(TmError, match="regular file"):
        read_settings(home, {})


def test_each_key_says_what_it_means() -> None:
    """The page of settings is made of the model: none is without words."""
    assert [name for name, _, words in keys() if not words.endswith((".", "start."))] == []


def test_the_file_says_where_it_listens(home: Path) -> None:
    """Addresses and ports of the file are those of the ready line."""
    port = free_port("::1")
    with running(written(home, f'host = "::1"\nstatus_port = {port}\n')) as portal:
        assert portal.ready["status_server"] == {"host": "::1", "port": port}


async def test_a_certificate_of_ones_own(home: Path, certificates: Certificates) -> None:
    """Appliances meet the operator's certificate; a renewed one is taken, one that does not fit is not."""
    own, another = certificates.good, next(iter(certificates.bad.values()))
    written(home, f'[tls]\ncertificate = "{own.certificate}"\nkey = "own.key"\n')
    shutil.copyfile(own.key, home / "own.key")
    async with opened_portal(home) as portal:
        assert portal.ready["ca_file"] is None
        portal.ready["ca_file"] = str(certificates.ca_file)
        assert (await portal.register()).status_code == 201
        async with portal.status_server() as client:
            assert (await client.post("/v1/heartbeat", json=beat())).status_code == 200
    shown = Certificate(PortalHome(home), read_settings(home, {}))
    context = shown.context(datetime.now(UTC))
    assert not shown.renew(context, datetime.now(UTC))
    shutil.copyfile(another.key, home / "own.key")
    with pytest.raises(TmError, match="cannot be used"):
        shown.renew(context, datetime.now(UTC))
    shutil.copyfile(own.key, home / "own.key")
    assert shown.renew(context, datetime.now(UTC))
