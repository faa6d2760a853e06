"""TM_TUI_DEV=1, for who works on the program: a bug, or a wrong style, is told with all that is known."""

import os
import re
import sys
from pathlib import Path

import pytest

from e2e.lab import short_folder
from e2e.terminal import Terminal

CODE = """
import sys
sys.path.insert(0, {root!r})
sys.argv = ["tm-tui", "console", *{words!r}]
{change}
from screens.__main__ import main
main()
"""
BUG = """
from screens.shell.main import MainScreen
def on_mount(self):
    raise LookupError("the value was 41")
MainScreen.on_mount = on_mount
"""
STYLE = """
from screens.shell.footer import Footer
Footer.DEFAULT_CSS = "Footer { heigth: 1; }"
"""
PAGE = """
from screens.pages.status import StatusPage
def compose(self):
    raise LookupError("the value was 41")
StatusPage.compose = compose
"""
TOLD = {BUG: "LookupError: the value was 41", STYLE: "heigth", PAGE: "LookupError: the value was 41"}


def shown_of(change: str, home: Path, words: tuple[str, ...] = (), **more: str) -> str:
    """What is on the line when the console has ended by itself."""
    clean = {one: os.environ[one] for one in ("PATH", "HOME") if one in os.environ}
    environ = {**clean, "TERM": "xterm-256color", "LANG": "C.UTF-8", "TM_TUI_HOME": str(home), **more}
    code = CODE.format(root=str(Path(__file__).parents[2]), change=change, words=list(words))
    with Terminal((sys.executable, "-c", code), environ, forked=False, rows=50, columns=120) as terminal:
        assert terminal.wait_for_end() > 0
        return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", terminal.raw.decode(errors="replace")).split())


@pytest.mark.parametrize("change", TOLD, ids=["bug", "style", "page"])
def test_a_developer_is_told_all(change: str, tmp_path: Path) -> None:
    """The message of an exception, the place of a wrong style; no restart, no page that fails in silence."""
    with short_folder() as home:
        shown = shown_of(change, home, TM_TUI_DEV="1", TMPDIR=str(tmp_path))
    assert TOLD[change] in shown
    assert "Restarted after a crash" not in shown


def test_a_locked_console_does_not_know_it(tmp_path: Path) -> None:
    """Whoever has a login of the console only is told one line, whatever the environment says."""
    with short_folder() as home:
        shown = shown_of(BUG, home, ("--locked",), TM_TUI_DEV="1", TMPDIR=str(tmp_path))
    assert "the console ended because of a bug (LookupError at" in shown
    assert "the value was 41" not in shown
