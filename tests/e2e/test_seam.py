"""Another Textual than the one that the screens fit: told in a line, not by a traceback."""

import os
import sys
from pathlib import Path

import pytest
from textual.app import App
from textual.driver import Driver

from e2e.terminal import Terminal
from screens.terminal.seam import lacking

OTHER = """
import sys
sys.path.insert(0, {root!r})
sys.argv = ["tm-tui"]
{change}
from screens.__main__ import main
main()
"""
CHANGES = {
    "App._print_error_renderables": "import textual.app as of; del of.App._print_error_renderables",
    "textual._compositor": "import textual._compositor as of; del of.LayoutUpdate",
}
"""What differs, by the name that is told of it."""


@pytest.mark.parametrize("name", CHANGES)
def test_another_textual_is_told_in_a_line(name: str, tmp_path: Path) -> None:
    """The terminal is as it was; the line names what is missing and what to do, and the status says so."""
    clean = {one: os.environ[one] for one in ("PATH", "HOME") if one in os.environ}
    environ = {**clean, "TERM": "xterm-256color", "LANG": "C.UTF-8", "TM_TUI_HOME": str(tmp_path)}
    code = OTHER.format(root=str(Path(__file__).parents[2]), change=CHANGES[name])
    with Terminal((sys.executable, "-c", code), environ, forked=False) as terminal:
        assert terminal.wait_for_end() == 1
        shown = terminal.raw.decode().partition("tm-tui: ")[2]
    assert " ".join(shown.split()).startswith("The screens do not fit the Textual that is installed:")
    assert name in shown
    assert "requirements/runtime.txt" in shown
    assert "Traceback" not in shown


def test_each_missing_name_is_named() -> None:
    """All that differs is told at once: methods, and what a class sets as it is made."""
    assert lacking() == []
    assert lacking({App: ("_exit", "_gone"), Driver: ("_size", "_away")}) == ["App._gone", "Driver._away"]
