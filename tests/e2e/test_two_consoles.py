"""Two admins on two terminals and one real agent: they see each other, and neither overwrites the other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.lab import COMMAND, short_folder
from e2e.looks import go_to
from e2e.terminal import Terminal
from tm_tui.api.launch import AgentProcess


def environ_of(home: Path, source: str = "") -> dict[str, str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("TM_", "TEXTUAL", "SSH"))
    }
    more = {"SSH_CONNECTION": f"{source} 50000 192.0.2.1 22"} if source else {}
    return {**clean, "TM_TUI_HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", **more}


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own with a short path."""
    with short_folder() as folder:
        yield folder


@contextmanager
def console(home: Path, source: str) -> Iterator[Terminal]:
    """A console on a terminal of its own, as sshd would start it for somebody from `source`."""
    with Terminal((COMMAND,), environ_of(home, source), columns=100) as terminal:
        terminal.wait_for("DISABLED")
        yield terminal
        terminal.send("F10")
        assert terminal.wait_for_end() == 0


def type_email(terminal: Terminal, email: str) -> None:
    """On the TMSP form, go to the e-mail field (the last one) and type."""
    go_to(terminal, "Services > Threat")
    terminal.wait_for("Discard Esc")
    terminal.tab_to("E-mail")
    terminal.wait_for("for reference only")
    terminal.send(email)
    terminal.wait_for(email)


def plain_lines_say_it_too(home: Path) -> None:
    """Whoever opens the form in plain lines reads who is at it."""
    with Terminal((COMMAND,), {**environ_of(home), "TERM": "dumb"}) as lines:
        lines.wait_for(lambda _: b"? help): " in lines.raw)
        lines.send("2\r")
        lines.wait_for(lambda _: b"edits this form too" in lines.raw)
        lines.send("q\r", "q\r")
        assert lines.wait_for_end() == 0


async def test_two_admins_at_once(home: Path) -> None:
    """Both are in sight of each other; the second save shows what the first changed and from where.

    A trial that one begins counts down before the other, who confirms it.
    """
    async with AgentProcess(home / "agent.log", environ_of(home)):
        with console(home, "192.0.2.7") as first, console(home, "192.0.2.8") as second:
            first.wait_for("2 on")
            second.wait_for("2 on")
            type_email(first, "first@example.com")
            go_to(second, "System > Sessions")
            second.wait_for("edits TMSP")
            assert "from 192.0.2.7" in second.text
            go_to(second, "Services > Threat")
            second.wait_for("edits this form too")
            plain_lines_say_it_too(home)
            type_email(second, "second@example.com")
            first.send("F2")
            first.wait_for("Saved as revision 1")
            second.wait_for("saved revision 1 meanwhile")
            second.send("F2")
            second.wait_for("Somebody else saved meanwhile")
            assert "from 192.0.2.7" in second.text
            assert "first@example.com" in second.text
            second.send("Right", "Enter")
            second.wait_for("test and save again")
            second.send("F6")
            second.wait_for("Save on trial")
            second.send("Enter")
            second.wait_for("Revision 2 on trial")
            first.wait_for("TRIAL ")
            first.send("F6")
            first.wait_for("Keep revision 2?")
            first.send("Right", "Right", "Enter")
            first.wait_for("Trial of revision 2: confirmed by")
            second.wait_for(lambda text: "TRIAL" not in text)
            go_to(first, "System > Change History")
            first.wait_for("trial confirmed by")
