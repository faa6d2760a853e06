"""`tm-tui config` against a real agent: what is set is saved whole or refused whole."""

import codecs
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from forked import COMMAND, Forked
from tm_tui.settings.fields import FIELDS
from tm_tui.settings.model import Settings
from tm_tui.settings.plain import flat


def test_several_settings_together(agent: object, tm) -> None:
    """KEY VALUE pairs are saved in one revision, which tells what changed."""
    said = tm(
        "config", "set", "proxy.enabled", "true", "proxy.host", "Proxy.Example.COM", "--note", "the new proxy"
    )
    assert said.code == 0
    assert said.out.splitlines() == [
        "Saved as revision 1.",
        "  Use a proxy: false -> true",
        "  Proxy: - -> proxy.example.com",
    ]
    assert tm("config", "get", "proxy.host").out == "proxy.example.com\n"
    assert tm("config", "get", "proxy.enabled", "--json").json == {
        "key": "proxy.enabled",
        "value": True,
        "revision": 1,
    }
    assert "the new proxy" in tm("config", "history").out


def test_all_or_none(agent: object, tm) -> None:
    """One wrong value refuses the whole command, with field, cause and remedy for each that is wrong."""
    said = tm("config", "set", "proxy.host", "192.0.2.1", "proxy.port", "0", "tmsp.email", "nobody")
    assert (said.code, said.out) == (1, "")
    assert [line.partition(":")[0] for line in said.err.splitlines()] == [
        "E-mail (tmsp.email)",
        "Proxy port (proxy.port)",
    ]
    assert "Enter a whole number from 1 to 65535." in said.err
    assert tm("config", "get", "proxy.host").out == "\n"
    error = tm("config", "set", "proxy.port", "0", "--json").json["error"]
    assert [problem["field"] for problem in error["problems"]] == ["proxy.port"]


def test_port_follows_protocol_unless_it_is_chosen(agent: object, tm) -> None:
    """SSL comes with 443, SSH with 22, and a port that was given stays."""
    tm("config", "set", "tmsp.log_server.protocol", "ssl")
    assert tm("config", "get", "tmsp.log_server.port").out == "443\n"
    tm("config", "set", "tmsp.log_server.protocol", "ssh", "tmsp.log_server.port", "443")
    assert tm("config", "get", "tmsp.log_server.port").out == "443\n"


def test_show_is_what_apply_takes(agent: object, tm, tmp_path: Path) -> None:
    """What `show` prints can be kept, changed and applied again, from a file or standard input."""
    tm("config", "set", "tmsp.username", 'quo"ted \\ ü', "tmsp.heartbeat_seconds", "60")
    shown = tm("config", "show").out
    assert tomllib.loads(shown)["tmsp"]["username"] == 'quo"ted \\ ü'
    changed = shown.replace("heartbeat_seconds = 60", "heartbeat_seconds = 90")
    assert tm("config", "apply", "-", stdin=changed.encode()).out.splitlines()[1:] == [
        "  Heartbeat every (s): 60 -> 90"
    ]
    (tmp_path / "settings.toml").write_text(shown)
    said = tm("config", "apply", str(tmp_path / "settings.toml"), "--json")
    assert said.json["revision"] == 3
    assert said.json["settings"]["tmsp"]["heartbeat_seconds"] == 60
    assert tm("config", "show", "--json").json["settings"] == tomllib.loads(shown)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a = 1\n[tmsp\nb = 1", "Standard input is not TOML: at line 2, column 6"),
        (
            b'[tmsp]\npassword = "canary"\n',
            "(tmsp.password): Passwords do not stand in a settings file.",
        ),
        (b'[tmsp]\nusername = canary"', "is not TOML"),
        (b"\xff", "is not TOML"),
        (b"[proxy]\nport = 0", "Proxy port (proxy.port): This is no port."),
        (b"schema = 2", "newer version"),
        (b"when = 2026-01-01", "when: There is no such setting."),
        pytest.param(b"#" * ((1 << 20) + 1), "more than 1048576 bytes", id="large"),
        pytest.param(b"a = " + b"[" * 100_000, "is not TOML", id="deep"),
    ],
)
def test_wrong_files_are_refused(shared_agent: None, tm, text: bytes, words: str) -> None:
    """A file that cannot be applied is refused with the place and the cause, never with its content."""
    before = tm("config", "show").out
    said = tm("config", "apply", "-", stdin=text)
    assert said.code == 1
    assert words in said.err
    assert "canary" not in said.err
    assert tm("config", "show").out == before


def test_password_from_standard_input(agent: object, tm, home: Path) -> None:
    """A password is taken to the letter up to the newline; it is shown by no command."""
    password = " p:ä/ß#%@€ "
    assert tm("config", "secret", "proxy", stdin=f"{password}\nmore\n".encode()).code == 0
    saved = json.loads((home / "config" / "current" / "secrets.json").read_text())
    assert saved == {"proxy": password}
    assert tm("config", "get", "proxy.password").out == "set\n"
    assert tm("config", "get", "tmsp.password").out == "not set\n"
    for arguments in (["config", "show"], ["config", "history"], ["status"]):
        for json_too in ([], ["--json"]):
            assert password.strip() not in tm(*arguments, *json_too).out
    assert tm("config", "secret", "proxy", "--remove").out.splitlines()[1:] == ["  Proxy password: set -> -"]


@pytest.mark.parametrize("typed", [b"", b"\n", b"\xff\n", b"x" * 1025 + b"\n"])
def test_what_is_no_password_is_refused(shared_agent: None, tm, typed: bytes) -> None:
    """Nothing, broken text and over 1024 bytes are refused; what was set stays."""
    tm("config", "secret", "tmsp", stdin=b"old\n")
    before = tm("config", "show").out
    said = tm("config", "secret", "tmsp", stdin=typed)
    assert said.code == 1
    assert "password" in said.err
    assert "xxx" not in said.err
    assert tm("config", "show").out == before


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (b"secret\r\n", "secret"),
        (b"secret\r", "secret"),
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\nmore\r\n", "secret"),
        ("pä€ßword1 \r\n".encode(), "pä€ßword1 "),
    ],
)
def test_a_line_end_is_a_line_end(shared_agent: None, tm, long_lived: Path, typed: bytes, meant: str) -> None:
    """However an editor or another system ends a line, nothing of that becomes part of the password."""
    assert tm("config", "secret", "tmsp", stdin=typed).code == 0
    saved = json.loads((long_lived / "config" / "current" / "secrets.json").read_text(encoding="utf-8"))
    assert saved["tmsp"] == meant


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("\ufeffsecret\n".encode(), "byte order mark (U+FEFF)"),
        ("secret\n".encode("utf-16"), "UTF-16"),
        ("secret\n".encode("utf-16-le"), "UTF-16LE"),
        ("secret\n".encode("utf-16-be"), "UTF-16BE"),
        ("secret\n".encode("utf-32"), "UTF-32"),
        ("sécret\n".encode("latin-1"), "byte 2"),
        (b"sec\rret\n", "^M (U+000D)"),
        (b"secret\0\n", "U+0000"),
        (b"sec\x1b[Dret\n", "ESC (U+001B)"),
        ("sec\u00a0ret\n".encode(), "NO-BREAK SPACE (U+00A0)"),
        ("sec\u200dret\n".encode(), "ZERO WIDTH JOINER (U+200D)"),
        ("sec\ufffdret\n".encode(), "U+FFFD"),
    ],
)
def test_what_comes_along_with_a_password_is_named(
    shared_agent: None, tm, long_lived: Path, typed: bytes, named: str
) -> None:
    """A mark, another encoding, an invisible sign: refused and named, and what was saved stays."""
    assert tm("config", "secret", "tmsp", stdin=b"before\n").code == 0
    before = (long_lived / "config" / "current" / "secrets.json").read_bytes()
    said = tm("config", "secret", "tmsp", stdin=typed)
    assert (said.code, said.out) == (1, "")
    assert named in said.err
    assert "password" in said.err
    assert "sec" not in said.err.replace("tmsp", "")
    assert (long_lived / "config" / "current" / "secrets.json").read_bytes() == before


def test_one_line_of_a_pipe_is_taken_and_no_byte_more(shared_agent: None, long_lived: Path) -> None:
    """A script with several commands on one standard input gives each its own line."""
    command = "tm-tui config secret tmsp >&2 && tm-tui config secret proxy >&2 && cat"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        input=b"first\r\nsecond\nthe rest",
        env={**os.environ, "PATH": path},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"the rest"
    saved = json.loads((long_lived / "config" / "current" / "secrets.json").read_text(encoding="utf-8"))
    assert saved == {"tmsp": "first", "proxy": "second"}


def test_a_file_with_a_mark_is_taken(shared_agent: None, tm) -> None:
    """What an editor on another system puts before a text changes nothing."""
    text = tm("config", "show").out
    for mark in (codecs.BOM_UTF8, b""):
        for end in ("\n", "\r\n"):
            assert tm("config", "apply", "-", stdin=mark + text.replace("\n", end).encode()).code == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_a_file_in_another_encoding_is_named(shared_agent: None, tm, encoding: str) -> None:
    """A file that is not in UTF-8 is refused with its encoding and the way out of it."""
    text = tm("config", "show").out
    for way in (("config", "apply", "-"), ("test", "--file", "-")):
        said = tm(*way, stdin=text.encode(encoding))
        assert said.code == 1
        assert f"is in {encoding.upper().removesuffix('-LE').removesuffix('-BE')}" in said.err
        assert "iconv -f UTF-" in said.err
    said = tm("config", "apply", "-", stdin='[tmsp]\nemail = "ä@example.com"'.encode("latin-1"))
    assert "byte 17" in said.err
    assert "iconv -f ISO-8859-1" in said.err


def test_history_diff_and_rollback(agent: object, tm) -> None:
    """Every change is told later and can be taken back, its password included."""
    tm("config", "set", "tmsp.username", "one")
    tm("config", "secret", "tmsp", stdin=b"first\n")
    tm("config", "set", "tmsp.username", "two")
    said = tm("config", "diff")
    assert said.out.splitlines() == ["Revision 2 -> 3", "  User name: one -> two"]
    assert tm("config", "diff", "1", "2", "--json").json == {
        "old": 1,
        "new": 2,
        "changes": [{"field": "tmsp.password", "old": "not set", "new": "set"}],
    }
    said = tm("config", "rollback", "1")
    assert said.out.splitlines() == [
        "Saved as revision 4.",
        "  User name: two -> one",
        "  Password: set -> -",
    ]
    listed = tm("config", "history").out.splitlines()
    assert [line.split()[0] for line in listed] == ["REVISION", "4", "3", "2", "1"]
    assert tm("config", "rollback", "99").code == 1
    assert "no revision 99" in tm("config", "diff", "99").err


def test_two_saves_at_once(agent: object, tm, home: Path, tmp_path: Path) -> None:
    """Of commands that save at the same moment each either saved or says who saved before it."""
    command = [COMMAND, "config", "set", "--json", "tmsp.username"]
    several = [Forked([*command, f"user-{number}"], stdout=subprocess.PIPE, text=True) for number in range(4)]
    answers = [(json.loads(process.communicate(timeout=60)[0]), process.returncode) for process in several]
    saved = sorted(answer["revision"] for answer, code in answers if code == 0)
    refused = [answer["error"] for answer, code in answers if code == 1]
    assert saved == list(range(1, len(saved) + 1))
    assert len(saved) + len(refused) == 4
    for error in refused:
        assert error["code"] == "conflict"
        assert [change["field"] for change in error["changes"]] == ["tmsp.username"]


def test_schema_explains_every_setting(tm) -> None:
    """Every key stands in the schema with its meaning; --json gives a JSON Schema with the same keys."""
    said = tm("config", "schema").out
    assert all(f"{spec.key}\n    {spec.help}\n" in said for spec in FIELDS)
    document = tm("config", "schema", "--json").json
    groups = {"schema", "tmsp", "proxy", "trust", "console", "spool", "patterns"}
    assert set(document["properties"]) == groups
    assert set(flat(Settings().plain())) >= {"tmsp.enabled"}
