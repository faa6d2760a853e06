"""Secrets go nowhere: a canary of a password is looked for in all that the product writes, shows and says."""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from e2e.lab import COMMAND, Lab, lab, processes_with
from e2e.terminal import Terminal
from screens.desk.menu import entries
from tm_tui.cli.commands import engine_commands

pytestmark = pytest.mark.timeout(240)  # one fixture runs twenty commands; a busy machine takes its time

CANARY = "Kanarienvogel-4711%/#:@ü"
PROXY_CANARY = "Zeisig-0815&=?"
WRONG = "Wellensittich-1234"
SERVERS = {"agent", "portal", "demo"}
"""They run on, and have tests of their own."""
DEAD_PROXY = ("proxy.enabled", "true", "proxy.host", "127.0.0.1", "proxy.port", "1")
BIRDS = ("Kanarienvogel-4711", "Zeisig-0815", "Wellensittich-1234")

TALKATIVE_AGENT = """
import logging, sys
import asyncssh
logging.basicConfig(level=1, stream=sys.stderr)
asyncssh.set_log_level("DEBUG")
asyncssh.set_debug_level(3)
from tm_tui.cli import main
sys.argv = ["tm-tui", "agent"]
main()
"""


def assert_no_bird(where: str, text: str | bytes) -> None:
    """Fail if a canary sits in `text`, in clear or as Basic credentials would carry it."""
    data = text.encode() if isinstance(text, str) else text
    for bird in BIRDS:
        assert bird.encode() not in data, f"{where} has {bird}"


def wait_for_agent(made: Lab) -> None:
    """Follow the agent's log until it serves its socket."""
    log = made.folder / "agent.log"
    with subprocess.Popen(
        ("tail", "-n", "+1", "-F", log), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as tail:
        assert tail.stdout is not None
        for line in tail.stdout:
            if b"serves" in line:
                break
        tail.terminate()


@pytest.fixture(scope="module")
def talked() -> object:
    """A lab in which everything that takes or uses a password has happened, with every log at its loudest."""
    with lab(CANARY) as made:
        made.start("agent.log", argv=(sys.executable, "-c", TALKATIVE_AGENT), forked=False)
        wait_for_agent(made)
        said = [
            made.run("config", "set", *made.settings("ssl")),
            made.run("config", "secret", "proxy", stdin=PROXY_CANARY + "\n"),
            made.run("config", "secret", "tmsp", stdin=WRONG + "\n"),
            made.run("test", "--json"),
            made.run("config", "secret", "tmsp", stdin=CANARY + "\n"),
            made.run("test"),
            made.run("config", "set", "tmsp.enabled", "true"),
            made.run("config", "set", *made.settings("ssh"), "--secret", "tmsp", stdin=CANARY + "\n"),
            made.run("test", "--json"),
            made.run(
                "trust",
                "approve",
                f"[127.0.0.1]:{made.ready['log_server']['ssh_port']}",
                made.ready["ssh_host_key"],
            ),
            made.run("test", "--json"),
            made.run("config", "set", *DEAD_PROXY),
            made.run(
                *("config", "set", *DEAD_PROXY, "--secret", "proxy", "--secret", "tmsp"),
                stdin=f"{PROXY_CANARY}\n{CANARY}\n",
            ),
            made.run("test", "--json"),
            made.run("config", "history", "--json"),
            made.run("config", "diff", "3", "5", "--json"),
            made.run("config", "show", "--json"),
            made.run("status", "--json"),
            made.run("config", "set", "tmsp.log_server.host", BIRDS[0] + "_"),
            made.run("diagnostics", "--output", str(made.folder / "bundle.tar.gz")),
            made.run("status", "--format", "openmetrics", "--output", str(made.folder / "tm_tui.prom")),
            made.run("explain", BIRDS[1]),
        ]
        yield made, said


def test_no_command_says_it(talked: tuple[Lab, list[subprocess.CompletedProcess[str]]]) -> None:
    """No command prints a password, nor what was typed into a field it refuses."""
    _, said = talked
    for done in said:
        assert_no_bird(str(done.args[1:3]), done.stdout + done.stderr)
    tests = [done for done in said if done.args[1:] == ("test", "--json")]
    reports = [json.loads(done.stdout.splitlines()[-1]) for done in tests]
    assert all("report" in report for report in reports)
    codes = [done.returncode for done in said]
    assert codes[3] == 1, "a wrong password must fail the test"
    assert codes[5] == 0, said[5].stdout
    assert codes[10] == 0, said[10].stdout
    assert codes[11] == 1, "another way must ask for the passwords again"
    assert codes[12] == 0, said[12].stderr
    assert codes[13] == 1, "a dead proxy must fail the test"


def leaves(command: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something, whatever groups it stands in."""
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves(inner, *words, name)


def test_no_command_at_all_says_it(talked: tuple[Lab, list[subprocess.CompletedProcess[str]]]) -> None:
    """Every command there is, with nothing to go by; a password has no place behind any of them."""
    made, _ = talked
    commands = [words for words in leaves(engine_commands()) if words[0] not in SERVERS]
    assert len(commands) >= 30
    for words in commands:
        done = made.run(*words, "--json")
        assert_no_bird(" ".join(words), done.stdout + done.stderr)
    assert made.run("config", "secret", "tmsp", WRONG).returncode == 2


def test_no_answer_of_the_socket_has_it(talked: tuple[Lab, list[subprocess.CompletedProcess[str]]]) -> None:
    """Passwords go into the control socket and never come out, whatever is asked and however wrongly."""
    made, _ = talked
    socket = str(made.home / "run" / "control.sock")
    asked = [
        ("GET", path, None)
        for path in (
            *("status", "settings", "history", "trust", "session", "history/3", "activity", "spool"),
            *("history/0/diff/3", "diagnostics?format=text", "draft", "cases", "patterns", "reports"),
            *("spool?format=csv", "reports/1", "cases/1"),
        )
    ]
    wrong = json.dumps({"settings": {"tmsp": {"email": WRONG}}, "secrets": {"tmsp": [WRONG]}})
    asked += [("PUT", "settings", wrong), ("POST", "probe", wrong), ("PUT", "settings", WRONG)]
    for method, path, body in asked:
        words = ["curl", "-s", "--unix-socket", socket, "-X", method, "-H", 'If-Match: "3"']
        words += ["-H", "Content-Type: application/json", "--data-binary", "@-"] if body else []
        url = f"http://agent/v1/{path}"
        done = subprocess.run([*words, url], input=(body or "").encode(), capture_output=True, check=True)
        assert done.stdout, path
        assert_no_bird(f"{method} {path}", done.stdout)


def test_the_bundle_for_support_has_it_nowhere(
    talked: tuple[Lab, list[subprocess.CompletedProcess[str]]],
) -> None:
    """Unpacked, the bundle that leaves the appliance holds no password in any of its files."""
    made, said = talked
    assert any(done.args[1] == "diagnostics" and done.returncode == 0 for done in said)
    socket = str(made.home / "run" / "control.sock")
    words = ["curl", "-s", "--unix-socket", socket, "http://agent/v1/diagnostics"]
    fetched = subprocess.run(words, capture_output=True, check=True).stdout
    for data in ((made.folder / "bundle.tar.gz").read_bytes(), fetched):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            files = {entry.name: archive.extractfile(entry) for entry in archive.getmembers()}
            assert len(files) >= 10
            for name, file in files.items():
                assert file is not None
                assert_no_bird(name, file.read())


def test_no_process_list_has_it(talked: tuple[Lab, list[subprocess.CompletedProcess[str]]]) -> None:
    """No argument and no variable of any process holds a password."""
    for bird in BIRDS:
        assert processes_with(bird) == []


def test_no_screen_shows_it(talked: tuple[Lab, list[subprocess.CompletedProcess[str]]]) -> None:
    """A password typed into the console is masked: no byte of it reaches the terminal, on no page."""
    made, _ = talked
    with Terminal((COMMAND,), made.environ) as terminal:
        terminal.wait_for("Services")
        terminal.send("Down", "Enter")
        terminal.wait_for("[ Test F3 ]")
        terminal.tab_to("Password")
        terminal.send(WRONG)
        terminal.settle()
        terminal.send("F3")
        terminal.settle(1.0)
        for entry in entries():
            terminal.send("F4", "\x1b[H")
            terminal.wait_for(">Status")
            terminal.go_down_to(entry.name)
            terminal.send("Enter")
            terminal.settle()
            assert_no_bird(entry.name, terminal.text)
        terminal.send("F10")
        terminal.settle()
        assert_no_bird("the terminal", bytes(terminal.raw))


def test_no_file_but_secrets_has_it(talked: tuple[Lab, list[subprocess.CompletedProcess[str]]]) -> None:
    """Of all files only secrets.json has a password: no log at any level, no temporary file."""
    made, _ = talked
    having: set[str] = set()
    for path in made.folder.rglob("*"):
        if path.is_file() and any(bird.encode() in path.read_bytes() for bird in BIRDS):
            having.add(path.name)
    assert having <= {"secrets.json"}
    assert having, "the canary was never saved: this test looked at nothing"
    assert Path(made.folder / "agent.log").stat().st_size > 1000, "the agent was not talkative"
