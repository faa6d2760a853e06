"""The demo's story over a serial line, with the terminal programs that admins have."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.lab import COMMAND, processes_with, short_folder
from e2e.serial import TERMINAL_PROGRAMS, line, on_line
from e2e.terminal import Terminal
from screens.desk import menu

LIMIT = 90.0
MENU = [
    row if isinstance(row, str) else f"{'  ' if row.group else ''}{row.name}"
    for row in menu.rows(menu.entries())
]
RULE = re.compile(r"-{19}[+-]-? ?.*[ -]-*")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder; nothing that was started in it is left."""
    with short_folder() as made:
        yield made
        assert processes_with(str(made)) == []


def environ(folder: Path, term: str) -> dict[str, str]:
    """What a getty leaves: hardly anything."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "TERM": term}


def whole(terminal: Terminal) -> list[str]:
    """The 24 rows of the console once nothing more comes; what every screen has is where it belongs."""
    rows = terminal.settle(0.6).splitlines()[:24]
    shown = "\n".join(rows)
    assert shown.isascii(), shown
    assert re.fullmatch(r" Threat Mitigator  tm-\w+ +root on pts/\d+", rows[0]), shown
    assert RULE.fullmatch(rows[1]), shown
    end = next(y for y, row in enumerate(rows[2:], 2) if row.startswith("-"))  # a test pane hides its rest
    names = [re.sub("[>~0-9]", " ", row[:19]).rstrip() for row in rows[2:end]]
    assert names == [f" {row}" for row in MENU[: end - 2]], shown
    assert len(names) >= min(len(MENU), 13), shown
    assert all(row[19] == "|" for row in rows[2:end]), shown
    assert re.fullmatch(r"-.* revision \d -", rows[20]), shown
    assert rows[21].startswith(" TMSP  "), shown
    assert rows[22].startswith(" LOGS  "), shown
    assert re.fullmatch(r" F1 Help .*F10 Exit .*\(\^G.* \^X\)", rows[23]), shown
    return rows


@pytest.mark.parametrize("program", TERMINAL_PROGRAMS)
def test_the_story_over_a_serial_line(program: str, folder: Path) -> None:
    """Form, test, save, CONNECTED, queue, activity, exit: every screen comes whole, by keys alone."""
    words, rows = TERMINAL_PROGRAMS[program]
    admin = environ(folder, "xterm") | {"LANG": "C.UTF-8"}
    with (
        line(folder) as (ours, theirs),
        Terminal((*words, str(theirs)), admin, rows=rows) as terminal,
        on_line((COMMAND, "demo"), ours, environ(folder, "vt100")) as console,
    ):
        terminal.wait_for("The form is filled in", LIMIT)
        terminal.wait_for("34 waiting", LIMIT)
        form = whole(terminal)
        assert " ".join(form[19][19:].split()) == "| [ Test F3 ] [ Save F2 ] [ Discard Esc ] not tested"
        assert form[2] == " Status            |>[x]~Send logs and data to TMSP"
        terminal.send("F3")
        terminal.wait_for("Test passed with the values above", LIMIT)
        tested = whole(terminal)
        assert [row[:4] for row in tested[18:20]] == [" ok "] * 2, "a server that passed is one row"
        terminal.send("\x0c")
        assert whole(terminal) == tested, "a full repaint shows another screen than the differences did"
        terminal.send("F2")
        terminal.wait_for("Saved as revision 2", LIMIT)
        terminal.wait_for("TMSP  CONNECTED", LIMIT)
        assert whole(terminal)[16].endswith("saved")
        terminal.send("F4")
        terminal.wait_for("Enter Open", LIMIT)
        terminal.go_down_to("Log Queue")
        terminal.wait_for("[ Send now F5 ]", LIMIT)
        assert " Logs > Log Queue " in whole(terminal)[1]
        terminal.send("F5")
        terminal.wait_for("0 waiting, sent", LIMIT)
        terminal.go_down_to("Activity")
        terminal.wait_for(" Logs > Activity ", LIMIT)
        terminal.wait_for("Delivered 34 events in 2 batches.", LIMIT)
        assert any("Registered as tm-" in row for row in whole(terminal))
        terminal.send("F10")
        assert console.wait(LIMIT) == 0
        assert not "".join(terminal.settle().split("\n")[:24]).strip()


def test_the_line_is_lost(folder: Path) -> None:
    """When the modem hangs up, the console and its private agent are gone."""
    home = folder / "h"
    home.mkdir(mode=0o700)
    with line(folder) as (ours, theirs), Terminal(("cat", str(theirs)), environ(folder, "xterm")) as terminal:
        lonely = environ(folder, "vt100") | {"TM_TUI_HOME": str(home)}
        with on_line((COMMAND,), ours, lonely) as console:
            terminal.wait_for("DISABLED", LIMIT)
            ours.unlink()
            for pid in processes_with(f"PTY,link={ours}"):
                os.kill(pid, 15)
            assert console.wait(60) == 129
