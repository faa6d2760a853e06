"""`status`, `test`, `apply --test` and `trust` against a real agent and a real portal."""

import shlex
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("agent")


@pytest.fixture
def registered(agent: object, tm, lab: list[str], portal: dict[str, Any]) -> None:
    """The appliance has the portal's addresses and password and is still switched off."""
    assert tm("config", "set", *lab).code == 0
    assert tm("config", "secret", "tmsp", stdin=Path(portal["password_file"]).read_bytes()).code == 0


def test_status_of_a_fresh_appliance(tm) -> None:
    """Switched off: the status says so, without warnings of a past that it never had."""
    said = tm("status")
    assert said.code == 0
    assert said.out.startswith("State          disabled\n")
    assert "Last beat    never" in said.out
    assert "\n! " not in said.out
    document = tm("status", "--json").json
    assert (document["state"], document["revision"], document["status_server"]["beats_accepted"]) == (
        "disabled",
        0,
        0,
    )


@pytest.mark.usefixtures("registered")
def test_connection_test_passes(tm) -> None:
    """Every step is a line with server, stage and time, and a passed test is exit code 0."""
    said = tm("test")
    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[-1].startswith("Passed in ")
    assert {line.split()[0] for line in lines[:-1]} == {"ok", "skip"}
    assert any(line.startswith("ok    status server  authentication ") for line in lines)


@pytest.mark.usefixtures("registered")
def test_connection_test_fails_with_cause_and_remedy(tm) -> None:
    """A wrong password is a failed step with its code, cause and remedy, and exit code 1."""
    tm("config", "secret", "tmsp", stdin=b"wrong\n")
    said = tm("test")
    assert said.code == 1
    lines = said.out.splitlines()
    failed = next(index for index, line in enumerate(lines) if line.startswith("FAIL"))
    assert "authentication" in lines[failed]
    assert lines[failed + 1].startswith("      ")
    assert lines[-1].startswith("Failed: ")
    json_lines = tm("test", "--json")
    assert json_lines.code == 1
    report = json_lines.json["report"]
    assert report["passed"] is False
    assert {failure["step"] for failure in report["failures"]} >= {"log_server.authentication"}
    assert all(failure["cause"] and failure["remedy"] for failure in report["failures"])


@pytest.mark.usefixtures("registered")
def test_apply_saves_only_what_passes(tm, tmp_path: Path, portal: dict[str, Any]) -> None:
    """With --test a file that does not work changes nothing, and one that does is in force."""
    password = Path(portal["password_file"]).read_bytes()
    file = tmp_path / "settings.toml"
    good = tm("config", "show").out.replace("[tmsp]\nenabled = false", "[tmsp]\nenabled = true")
    port = tm("config", "get", "tmsp.status_server.port").out.strip()
    file.write_text(good.replace(f"port = {port}", "port = 1"))
    said = tm("config", "apply", "--test", "--secret", "tmsp", str(file), stdin=password)
    assert said.code == 1
    assert "FAIL  status server  tcp" in said.out
    assert said.err == "Nothing was saved.\n"
    assert tm("test", "--file", str(file), "--secret", "tmsp", stdin=password).code == 1
    file.write_text(good)
    said = tm("config", "apply", "--test", str(file))
    assert said.code == 0
    assert said.out.splitlines()[-2:] == [
        "Saved as revision 3.",
        "  Send logs and data to TMSP: false -> true",
    ]
    assert tm("status", "--json").json["revision"] == 3


@pytest.mark.usefixtures("registered")
def test_host_key_is_approved_by_its_fingerprint(tm, portal: dict[str, Any]) -> None:
    """A key is kept only if it is the one of the fingerprint that was given; it can be forgotten again."""
    endpoint = f"[{portal['log_server']['host']}]:{portal['log_server']['ssh_port']}"
    wrong = tm("trust", "approve", endpoint, "SHA256:" + "A" * 43)
    assert wrong.code == 1
    assert tm("trust", "show", "--json").json["host_keys"] == []
    said = tm("trust", "approve", endpoint, portal["ssh_host_key"])
    assert said.code == 0
    assert f"  {endpoint}  " in said.out
    assert portal["ssh_host_key"] in tm("trust", "show").out
    assert "Host keys: none approved\n" in tm("trust", "forget", endpoint).out
    assert tm("trust", "forget", endpoint).code == 1
    assert portal["ca_file"] in tm("trust", "show").out


@pytest.mark.usefixtures("registered")
def test_unknown_host_key_says_how_to_approve_it(tm, portal: dict[str, Any]) -> None:
    """The first test over SSH shows the key and the command that approves it, which then makes it pass."""
    port = str(portal["log_server"]["ssh_port"])
    ssh = ("tmsp.log_server.protocol", "ssh", "tmsp.log_server.port", port, "--secret", "tmsp")
    assert tm("config", "set", *ssh, stdin=Path(portal["password_file"]).read_bytes()).code == 0
    said = tm("test")
    assert said.code == 1
    (command,) = [line.strip() for line in said.out.splitlines() if "tm-tui trust approve" in line]
    assert portal["ssh_host_key"] in command
    assert tm(*shlex.split(command)[1:]).code == 0
    assert tm("test").code == 0


@pytest.mark.usefixtures("registered")
def test_another_target_asks_for_the_password_again(tm, tmp_path: Path, portal: dict[str, Any]) -> None:
    """A script that leads the saved password elsewhere is told how to give it again; given, it is saved."""
    password = Path(portal["password_file"]).read_bytes()
    before = tm("config", "show").out
    file = tmp_path / "settings.toml"
    file.write_text(before.replace('host = "127.0.0.1"', 'host = "127.0.0.2"'))
    asking = (
        ("config", "set", "tmsp.status_server.host", "127.0.0.2"),
        ("config", "set", "tmsp.log_server.protocol", "ssh"),
        ("config", "set", "proxy.enabled", "true", "proxy.host", "127.0.0.2"),
        ("config", "set", "trust.ca_file", ""),
        ("config", "apply", str(file)),
        ("config", "apply", "--test", str(file)),
        ("test", "--file", str(file)),
    )
    for command in asking:
        said = tm(*command)
        assert (said.code, said.out) == (1, ""), command
        assert said.err.startswith("Password (tmsp.password): It was typed for another ")
        assert "--secret tmsp" in said.err
        said = tm(*command, "--json")
        assert said.json["error"]["code"] == "password-again"
    assert tm("config", "show").out == before
    assert tm(*asking[0], "--secret", "tmsp", stdin=b"\n").code == 1
    assert tm("config", "apply", "-", "--secret", "tmsp", stdin=before.encode()).code == 2
    assert tm(*asking[0], "--secret", "tmsp", stdin=password).code == 0
    assert tm("config", "get", "tmsp.status_server.host").out == "127.0.0.2\n"
