"""How commands start, end and fail: a quick help, exit codes, one form of errors."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import forked
from forked import Forked
from tm_tui.cli.commands import COMMANDS, engine_commands
from tm_tui.cli.config import config

TM_TUI = Path(sys.executable).with_name("tm-tui")


def test_help_is_there_at_once() -> None:
    """`tm-tui --help` costs less than 0.3 s of CPU (the best of three), on a small appliance too."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([TM_TUI, "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.3


def test_help_loads_nothing_heavy() -> None:
    """The help imports no library of a command."""
    code = (
        "import atexit, sys; sys.argv = ['tm-tui', '--help'];"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "from screens.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"httpx", "asyncssh", "pydantic", "textual", "asyncio", "cryptography"}
    assert {"click", "tm_tui"} <= loaded
    assert all(name in done.stdout for name in COMMANDS)


Words = tuple[str, ...]


def commands_of(command: click.Command, path: Words) -> Iterator[tuple[Words, click.Command]]:
    """All commands below a group, each with its words."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands_of(below, (*path, name))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_takes_json(name: str) -> None:
    """Each command of the table exists, has a help text of its own, and takes --json."""
    for path, command in commands_of(COMMANDS[name].load(), (name,)):
        assert command.help, path
        assert any("--json" in parameter.opts for parameter in command.params), path


def test_config_commands_are_all_listed(tm) -> None:
    """The help of `config` names each of its commands with a line of its own."""
    said = tm("config", "--help")
    assert all(f"  {name} " in said.out for name in config.list_commands(None))


def test_version(tm) -> None:
    """`--version` says which version this is."""
    assert tm("--version").out.startswith("tm-tui, version ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["status", "--nonsense"],
        ["config", "get"],
        ["config", "get", "tmsp.nothing"],
        ["config", "set", "tmsp.enabled"],
        ["config", "set", "nothing", "x"],
        ["config", "set", "tmsp.password", "canary"],
        ["config", "secret", "other"],
        ["config", "apply", "/nonexistent.toml"],
        ["config", "rollback", "zero"],
        ["trust", "approve", "[127.0.0.1]:22"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_use_exits_2(tm, home: Path, arguments: list[str]) -> None:
    """What cannot be meant is exit code 2, on standard error; with --json an object on standard output."""
    said = tm(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "Error: " in said.err
    assert "canary" not in said.err
    said = tm(*arguments, "--json")
    assert (said.code, said.err) == (2, "")
    assert said.json["error"]["code"] == "wrong-use"
    assert said.json["error"]["remedy"].startswith("See `tm-tui")


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["status", "--watch"],
        ["test"],
        ["config", "show"],
        ["config", "get", "tmsp.enabled"],
        ["config", "set", "tmsp.enabled", "false"],
        ["config", "secret", "tmsp"],
        ["config", "history"],
        ["config", "diff"],
        ["config", "rollback", "1"],
        ["trust", "show"],
        ["trust", "forget", "[127.0.0.1]:22"],
    ],
)
def test_without_agent_exits_3(tm, home: Path, arguments: list[str]) -> None:
    """Without an agent a command ends with 3, says how to start one, and changes nothing."""
    said = tm(*arguments, stdin=b"password\n")
    assert (said.code, said.out) == (3, "")
    assert "`tm-tui agent`" in said.err
    assert not home.exists()
    said = tm(*arguments, "--json", stdin=b"password\n")
    assert (said.code, said.err) == (3, "")
    assert said.json["error"]["code"] == "no-agent"


def test_no_terminal_no_console(tm, home: Path) -> None:
    """Without a terminal `tm-tui` says so and names what there is instead."""
    for arguments in ([], ["console"]):
        said = tm(*arguments)
        assert said.code == 2
        assert "needs a terminal" in said.err
        assert all(name in said.err for name in ("status", "test", "config", "agent"))


def test_long_socket_path_is_told(tm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home whose socket path the kernel refuses is an error with its remedy, not a traceback."""
    monkeypatch.setenv("TM_TUI_HOME", str(tmp_path / ("x" * 120)))
    said = tm("status", "--json")
    assert (said.code, said.json["error"]["code"]) == (1, "storage")


def test_reader_that_goes_away() -> None:
    """`tm-tui config schema | head -1` prints one line and no complaint."""
    reading, writing = os.pipe()
    with subprocess.Popen([TM_TUI, "config", "schema"], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.close(reading)
        assert process.communicate(timeout=60)[1] == b""


def test_interrupted_quietly(agent: subprocess.Popen[bytes], home: Path) -> None:
    """Ctrl+C ends `status --watch` with 130 and without a traceback."""
    command = [TM_TUI, "status", "--watch", "--json"]
    with Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["state"] == "disabled"
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1]
    assert (process.returncode, errors.strip()) == (130, b"")


def test_watch_ends_with_the_agent(agent: subprocess.Popen[bytes], home: Path) -> None:
    """`status --watch` does not hang on an agent that has ended: it says so, with exit code 3."""
    command = [TM_TUI, "status", "--watch"]
    with Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "disabled" in process.stdout.readline()
        agent.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 3
    assert "agent" in errors


def test_password_is_asked_for_without_echo(agent: subprocess.Popen[bytes], home: Path) -> None:
    """On a terminal the password is asked for, and what is typed is not shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(TM_TUI, ["tm-tui", "config", "secret", "tmsp"])  # pragma: no cover  the child is tm-tui now
    shown = b""
    while b": " not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, b"canary\n")
    while b"revision 1" not in shown:
        shown += os.read(terminal, 1024)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"New password (tmsp)" in shown
    assert b"canary" not in shown
    saved = json.loads((home / "config" / "current" / "secrets.json").read_text())
    assert saved == {"tmsp": "canary"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(tm, shell: str) -> None:
    """Each shell gets a script that names the command and the variable by which it is asked."""
    said = tm("completion", shell)
    assert said.code == 0
    assert "_TM_TUI_COMPLETE" in said.out
    assert tm("completion", shell, "--json").json["script"].strip() == said.out.strip()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tm-tui sta", {"status"}),
        ("tm-tui config r", {"rollback"}),
        ("tm-tui config get proxy.p", {"proxy.port", "proxy.password"}),
        ("tm-tui config set proxy.p", {"proxy.port"}),
        ("tm-tui config set proxy.port 8080 proxy.po", set()),
        ("tm-tui config set tmsp.enabled ", {"true", "false"}),
        ("tm-tui config set tmsp.enabled t", {"true"}),
        ("tm-tui config set --trial proxy.type ", {"http", "https", "socks4", "socks5"}),
        ("tm-tui config set tmsp.edition hosted tmsp.log_server.protocol ", {"ssh", "ssl"}),
        ("tm-tui config set tmsp.log_server.interval 1", {"15m", "1h", "12h"}),
        ("tm-tui config set tmsp.log_server.port ", {"22", "443"}),
        ("tm-tui config set tmsp.heartbeat_seconds ", {"300"}),
        ("tm-tui config set patterns.deploy m", {"manual"}),
        ("tm-tui config set tmsp.username ", set()),
        ("tm-tui config set no.such.key ", set()),
        ("tm-tui config set --secret ", {"tmsp", "proxy"}),
    ],
)
def test_completion_of_commands_and_keys(words: str, expected: set[str]) -> None:
    """Tab completes commands, the keys of settings, and behind a key the values that it can have."""
    count = str(len(words.split()) - (not words.endswith(" ")))
    environ = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": count, "_TM_TUI_COMPLETE": "bash_complete"}
    done = forked.run([TM_TUI], env=environ, text=True)
    assert done.returncode == 0, done.stderr
    assert {line.partition(",")[2] for line in done.stdout.split()} == expected


def groups_of(command: click.Command, path: Words = ()) -> Iterator[tuple[Words, click.Group]]:
    """All groups of commands, each with its words."""
    if isinstance(command, click.Group):
        yield path, command
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from groups_of(below, (*path, name))


def test_a_mistyped_command_is_told_with_the_one_that_was_meant(tm) -> None:
    """A letter too many is no reason to look through the help, in any group; no guess where none fits."""
    for path, group in groups_of(engine_commands()):
        context = click.Context(group)
        for name in group.list_commands(context):
            with pytest.raises(click.UsageError, match=f"Did you mean '{name}'"):
                group.resolve_command(context, [f"{name}h"])
        with pytest.raises(click.UsageError) as other:
            group.resolve_command(context, ["0000"])
        assert "Did you mean" not in str(other.value), path
    assert "Did you mean 'status'?" in tm("stauts").err


def test_a_word_that_people_try_first_is_taken() -> None:
    """`trust list` is `trust show`."""
    command = engine_commands()
    context = click.Context(command)
    trust = command.get_command(context, "trust")
    assert isinstance(trust, click.Group)
    assert trust.get_command(context, "list") is trust.get_command(context, "show")
