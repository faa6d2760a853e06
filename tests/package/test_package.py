"""What the package is made of is right, without building it whole: packaging/try-deb does that."""

import gzip
import hashlib
import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import click
import pytest

from screens.launch.commands import console
from servers.process import program
from tm_tui.cli.commands import engine_commands
from tm_tui.portal.settings import PortalSettings
from tm_tui.settings.fields import FIELDS

ROOT = Path(__file__).parents[2]
FILES = ROOT / "packaging" / "files"
MOMENT = 1_790_000_000


@pytest.fixture(scope="module")
def scripts() -> dict[str, ModuleType]:
    """The build's own modules."""
    sys.path.insert(0, str(ROOT / "packaging"))
    try:
        return {name: importlib.import_module(name) for name in ("build_deb", "man_pages", "sbom", "tree")}
    finally:
        sys.path.remove(str(ROOT / "packaging"))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Our wheel, built twice."""
    made = []
    for name in ("one", "two"):
        folder = tmp_path_factory.mktemp(name)
        command = [
            sys.executable,
            str(ROOT / "packaging" / "build_deb.py"),
            "--wheel-only",
            "--output",
            str(folder),
        ]
        environ = {**os.environ, "SOURCE_DATE_EPOCH": str(MOMENT), "TZ": "UTC" if made else "Asia/Tokyo"}
        subprocess.run(command, env=environ, check=True, capture_output=True, umask=0o077 if made else 0o022)
        made += folder.glob("*.whl")
    return made


def test_the_wheel_is_reproducible(wheels: list[Path]) -> None:
    """The same source gives the same wheel, in another folder, time zone and umask."""
    assert len(wheels) == 2
    assert len({hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels}) == 1


def test_the_wheel_explains_failures_offline(wheels: list[Path]) -> None:
    """docs/failures.md is in it, to the byte, and help, styles and nothing of the tests."""
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = set(wheel.namelist())
        assert wheel.read("tm_tui/failures.md") == (ROOT / "docs" / "failures.md").read_bytes()
    assert {"screens/pages/help/diagnostics.md", "screens/shell/app.tcss", "tm_tui/cli/status.py"} <= names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tm_tui", "screens"}


def unit(tmp_path: Path, name: str) -> Path:
    """A unit of the package whose program is on this machine."""
    path = tmp_path / name
    path.write_text(
        (FILES / name)
        .read_text()
        .replace("/opt/tm-tui/bin/python3", sys.executable)
        .replace("/opt/tm-tui-portal/bin/python3", sys.executable)
    )
    return path


@pytest.mark.parametrize("name", ["tm-tui-agent.service", "tm-tui-portal.service", "tm-tui-getty@.service"])
def test_systemd_understands_the_units(tmp_path: Path, name: str) -> None:
    """`systemd-analyze verify` finds nothing to say."""
    path = unit(tmp_path, name)
    if "@" in name:
        path = path.rename(tmp_path / name.replace("@", "@ttyS0"))
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "tm-tui" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", ["tm-tui-agent.service", "tm-tui-portal.service"])
def test_the_sandbox_is_tight(tmp_path: Path, name: str) -> None:
    """`systemd-analyze security` rates the exposure of agent and portal at most 2.0 of 10."""
    command = [program("systemd-analyze"), "security", "--offline=true", "--threshold=20", "--no-pager"]
    done = subprocess.run([*command, str(unit(tmp_path, name))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"exposure level.*: [01]\.\d ", done.stdout)


def test_users_and_folders(tmp_path: Path) -> None:
    """Users and groups as systemd's own tools make them; the console's user is locked and has no shell."""
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group", "shadow"):
        (tmp_path / "etc" / name).touch()
    users = subprocess.run(
        [program("systemd-sysusers"), f"--root={tmp_path}", str(FILES / "sysusers.conf")],
        capture_output=True,
        check=False,
    )
    assert users.returncode == 0, users.stderr
    passwd = {
        line.split(":")[0]: line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()
    }
    groups = {
        line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/group").read_text().splitlines()
    }
    shadow = dict(line.split(":")[:2] for line in (tmp_path / "etc/shadow").read_text().splitlines())
    assert passwd["tm-tui"][6] == "/usr/sbin/nologin"
    assert passwd["tm-console"][5:] == ["/", "/usr/lib/tm-tui/console"]
    assert set(groups) == {"tm-admin", "tm-view", "tm-tui", "tm-console"}
    assert groups["tm-admin"] == "tm-console"
    assert {secret[:1] for secret in shadow.values()} == {"!"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["install"], 0),
        (["install", "0.1.0"], 0),
        (["install", "0.2.0"], 1),
        (["upgrade", "0.0.9"], 0),
        (["upgrade", "0.1.0"], 0),
        (["upgrade", "0.1.0~rc1"], 0),
        (["upgrade", "0.10.0"], 1),
        (["abort-upgrade", "0.10.0"], 0),
    ],
)
def test_an_older_version_refuses(tmp_path: Path, arguments: list[str], code: int) -> None:
    """A downgrade is refused before anything is touched, also over the settings that a removal left."""
    script = tmp_path / "preinst"
    script.write_text((ROOT / "packaging/debian/preinst").read_text().replace("@VERSION@", "0.1.0"))
    done = subprocess.run(["sh", str(script), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("does not replace version" in done.stderr) == bool(code)


def test_the_scripts_are_sound() -> None:
    """Every shell script parses; those that dpkg runs stop at the first error."""
    for path in [
        *(ROOT / "packaging/debian").iterdir(),
        *(ROOT / "packaging/debian-portal").iterdir(),
        FILES / "tm-tui-portal",
        FILES / "console",
        FILES / "tm-tui",
        ROOT / "packaging/try-deb",
    ]:
        assert path.stat().st_mode & 0o100, path
        subprocess.run(["sh", "-n", str(path)], check=True)
        if path.parent.name.startswith("debian"):
            assert "\nset -e\n" in path.read_text(), path


def commands(command: click.Command, words: tuple[str, ...] = ("tm-tui",)) -> list[tuple[str, click.Command]]:
    """All commands with their words."""
    if not isinstance(command, click.Group):
        return [(" ".join(words), command)]
    context = click.Context(command)
    below = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    return [found for name, one in below if one for found in commands(one, (*words, name))]


def test_man_pages_have_it_all(scripts: dict[str, ModuleType], tmp_path: Path) -> None:
    """Each command, option, setting and choice is on a page, and a strict reader of man pages is content."""
    pages = scripts["man_pages"].man_pages("0.1.0", MOMENT)
    plain = {}
    for name, text in pages.items():
        (tmp_path / name).write_text(text)
        lint = subprocess.run(
            [program("mandoc"), "-T", "lint", "-W", "warning", name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert lint.stdout == "", name
        shown = subprocess.run(
            [program("mandoc"), "-T", "ascii", "-O", "width=200", name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        plain[name] = " ".join(re.sub(".\b", "", shown.stdout).split())
    for words, command in commands(engine_commands(console)):
        assert words in plain["tm-tui.1"]
        hidden = [one for one in command.params if isinstance(one, click.Option) and one.hidden]
        for option in [one for one in command.params if isinstance(one, click.Option) and one not in hidden]:
            assert option.opts[0] in plain["tm-tui.1"], (words, option.opts)
    for spec in FIELDS:
        assert spec.key in plain["tm-tui-settings.5"]
        assert all(value in plain["tm-tui-settings.5"] for value, _ in spec.choices)
    assert "TM_CODE" in plain["tm-tui-agent.8"]


def test_the_bill_of_materials(scripts: dict[str, ModuleType]) -> None:
    """CycloneDX: every pinned library with its version and the very hashes that pip checks."""
    pinned = (ROOT / "requirements" / "runtime.txt").read_text()
    text = scripts["sbom"].bill("0.1.0", pinned, None, "2026-01-01T00:00:00Z")
    assert text == scripts["sbom"].bill("0.1.0", pinned, None, "2026-01-01T00:00:00Z")
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    pins = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", pinned, re.MULTILINE))
    assert {part["name"]: part["version"] for part in bill["components"]} == pins
    found = {h["content"] for part in bill["components"] for h in part["externalReferences"][0]["hashes"]}
    assert found == set(re.findall(r"--hash=sha256:([0-9a-f]{64})", pinned))
    references = {part["bom-ref"] for part in bill["components"]}
    assert set(bill["dependencies"][0]["dependsOn"]) == references
    assert len(references) == len(pins)


def small_deb(scripts: dict[str, ModuleType], folder: Path) -> Path:
    """The package without its virtual environment: what dpkg sees of everything else."""
    build, tree = scripts["build_deb"], scripts["tree"]
    top = folder / "tree"
    tree.place_static(top)
    tree.place_completion(top, str(Path(sys.executable).with_name("tm-tui")))
    build.documents(top, "0.1.0", MOMENT, "{}\n")
    build.control_files(top, "0.1.0", sys.executable)
    tree.even_out(top, MOMENT)
    deb = folder / "x.deb"
    command = [program("dpkg-deb"), "--root-owner-group", "-Znone", "--build", str(top), str(deb)]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(MOMENT)}
    subprocess.run(command, check=True, capture_output=True, env=environ)
    return deb


def test_the_deb(scripts: dict[str, ModuleType], tmp_path: Path) -> None:
    """Root's alone, complete, and the same bytes each time."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = small_deb(scripts, tmp_path / "a"), small_deb(scripts, tmp_path / "b")
    assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(two.read_bytes()).digest()
    listed = subprocess.run(
        [program("dpkg-deb"), "-c", str(one)], capture_output=True, text=True, check=True
    ).stdout
    entries = [line.split(maxsplit=5) for line in listed.splitlines()]
    assert {entry[1] for entry in entries} == {"root/root"}
    assert {entry[0][5] for entry in entries} | {entry[0][8] for entry in entries} == {"-"}, (
        "others may write"
    )
    files = {entry[5].removeprefix("./") for entry in entries}
    wanted = {place for place, _ in scripts["tree"].STATIC.values()} | set(
        scripts["tree"].COMPLETION.values()
    )
    assert wanted | {"usr/share/man/man8/tm-tui-agent.8.gz", "usr/share/doc/tm-tui/failures.md"} <= files
    subprocess.run([program("dpkg-deb"), "-R", str(one), str(tmp_path / "out")], check=True)
    page = gzip.decompress((tmp_path / "out/usr/share/man/man1/tm-tui.1.gz").read_bytes())
    assert page.startswith(b".TH TM\\-TUI 1")
    control = (tmp_path / "out/DEBIAN/control").read_text()
    assert re.search(
        r"^Depends: python3 \(>= 3\.\d+~\), python3 \(<< 3\.\d+~\), systemd, ", control, re.MULTILINE
    )


def test_the_portals_deb(scripts: dict[str, ModuleType], tmp_path: Path) -> None:
    """It has a unit, a user, a home, settings to begin with, and a command that means all of these."""
    build, tree = scripts["build_deb"], scripts["tree"]
    top = tmp_path / "tree"
    tree.place_static(top, tree.PORTAL)
    build.documents(top, "0.1.0", MOMENT, "{}\n", tree.PORTAL)
    build.control_files(top, "0.1.0", sys.executable, tree.PORTAL)
    assert "Package: tm-tui-portal\n" in (top / "DEBIAN/control").read_text()
    doc = top / "usr/share/doc/tm-tui-portal"
    assert (doc / "portal.md").is_file()
    given = tomllib.loads((doc / "examples/portal.toml").read_text())
    assert PortalSettings.model_validate(given).host == "127.0.0.1"
    service, command = (top / "usr/lib/systemd/system/tm-tui-portal.service"), top / "usr/bin/tm-tui-portal"
    for text in (service.read_text(), command.read_text()):
        assert "/opt/tm-tui-portal/bin/python3 -I -X utf8 -m tm_tui.cli portal --home " in text
        assert "/var/lib/tm-tui-portal" in text
    assert "/var/lib/tm-tui-portal " in (top / "usr/lib/sysusers.d/tm-tui-portal.conf").read_text()
    own = {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
    appliance = tmp_path / "appliance"
    tree.place_static(appliance)
    assert own.isdisjoint(str(path.relative_to(appliance)) for path in appliance.rglob("*") if path.is_file())


def linked(folder: Path, pinned: str) -> None:
    """A folder with the libraries of one list alone, as they are installed here."""
    folder.mkdir()
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", pinned, re.MULTILINE):
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # of another system
            continue
        tops = {Path(str(file)).parts[0] for file in found.files or () if ".." not in str(file)}
        for one in tops - {"__pycache__"}:
            if not (folder / one).exists():
                (folder / one).symlink_to(str(found.locate_file(one)))


def test_an_appliance_has_no_portal(
    scripts: dict[str, ModuleType], wheels: list[Path], tmp_path: Path
) -> None:
    """Neither code nor libraries of it; all else loads without them, and commands say what is missing."""
    libraries = tmp_path / "libraries"
    linked(libraries, (ROOT / "requirements" / "runtime.txt").read_text())
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(libraries)
    scripts["tree"].leave_out(libraries, scripts["tree"].APPLIANCE)
    assert not (libraries / "tm_tui" / "portal").exists()
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["portal"]
    for name in (re.split(r"[^a-z0-9_-]", one)[0].replace("-", "_") for one in extra):
        assert not list(libraries.glob(f"{name}*")), name
    modules = [
        ".".join(path.relative_to(libraries).with_suffix("").parts).removesuffix(".__init__")
        for top in ("tm_tui", "screens")
        for path in sorted((libraries / top).rglob("*.py"))
        if path.name != "__main__.py" and not path.name.startswith("portal_")
    ]
    code = f"import sys; sys.path[:0] = [{str(libraries)!r}]; import importlib\n"
    python = [sys.executable, "-I", "-S", "-c"]
    loading = f"{code}for name in {modules!r}: importlib.import_module(name)"
    done = subprocess.run([*python, loading], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for words in (["portal", "--home", "x"], ["portal", "case", "list"], ["demo"]):
        asking = f"{code}from tm_tui.cli.commands import engine_commands; engine_commands()({words!r})"
        done = subprocess.run([*python, asking], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, "tm-tui-portal" in done.stderr) == (1, True), done.stderr


def test_the_launcher_names_what_the_package_installs() -> None:
    """Launcher, wrapper, unit, users and recipe speak of the same places."""
    console_text, wrapper = (FILES / "console").read_text(), (FILES / "tm-tui").read_text()
    service = (FILES / "tm-tui-agent.service").read_text()
    for folder in ("/etc/tm-tui", "/var/lib/tm-tui", "/run/tm-tui"):
        assert folder in console_text
        assert folder in wrapper
    assert "=tm-tui\n" in service
    for text in (console_text, wrapper, service):
        assert "/opt/tm-tui/bin/python3 -I -X utf8 -m " in text
    for name in ("sysusers.conf", "sshd_config.conf"):
        assert "/usr/lib/tm-tui/console" in (FILES / name).read_text()
