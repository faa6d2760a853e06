"""The terminals on which every story of an admin is told: usual, serial, large, small."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from e2e.lab import COMMAND
from e2e.terminal import Terminal

__all__ = ["LOOKS", "Look", "every_look", "go_to"]


@dataclass(frozen=True)
class Look:
    """One kind of terminal."""

    term: str
    lang: str
    columns: int
    rows: int

    @property
    def wide(self) -> bool:
        """Whether whole sentences fit above the status."""
        return self.columns >= 80

    def console(self, environ: Mapping[str, str]) -> Terminal:
        """`tm-tui` on such a terminal."""
        more = {"TERM": self.term, "LANG": self.lang, "LC_ALL": self.lang}
        return Terminal((COMMAND,), {**environ, **more}, columns=self.columns, rows=self.rows)


LOOKS = {
    "80x24": Look("xterm-256color", "C.UTF-8", 80, 24),
    "vt100": Look("vt100", "C", 80, 24),
    "120x40": Look("xterm-256color", "C.UTF-8", 120, 40),
    "60x18": Look("xterm-256color", "C.UTF-8", 60, 18),
}
every_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


def go_to(terminal: Terminal, entry: str) -> None:
    """Open a screen by the palette."""
    terminal.send("\x10")
    terminal.wait_for("Command:")
    terminal.send(f"Open {entry}")
    terminal.wait_for(f"Command: Open {entry}")
    terminal.send("Enter")
    terminal.wait_for(lambda text: "Command:" not in text)
