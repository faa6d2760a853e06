"""One terminal from start to end, without a toolkit.

So that a skeleton can be on the screen before heavy imports.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from screens.terminal.frame import Frame
from screens.terminal.line import Line
from screens.terminal.looks import Look, Palette
from screens.terminal.options import Choice, TerminalOptions, as_given, choose
from screens.terminal.painter import Painter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ASK_POSITION = "\x1b[999;999H\x1b[6n"
"""Where the cursor stops is the lower right corner; CSI row ; column R comes back (DSR 6, VT100)."""

_FALLBACK = (80, 24)
_MOST = (500, 300)
_LAST_WORDS = 0.3
_LATE_REPLY, _SILENT = 2.0, 3.0


class NoTerminal(OSError):
    """Neither standard input nor standard output is a terminal."""


class OtherTextual(ImportError):
    """The Textual that is installed is not the one that the screens fit; `cause` says what differs."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"The screens do not fit the Textual that is installed: {cause}. Install the version that"
            " requirements/runtime.txt names; `tm-tui --plain` works without it.",
            name="textual",
        )


class Session:
    """A terminal that was opened.

    Its line, what was chosen for it, its size, and the painter that knows what it shows.
    """

    waiting: Session | None = None
    """A session that painted a skeleton and waits for the driver to take it over."""

    def __init__(self, options: TerminalOptions, environ: Mapping[str, str], fd: int | None = None) -> None:
        self.options = options
        self.line = Line(_terminal() if fd is None else fd)
        self.choice: Choice = choose(options, as_given(environ), self.line.device)
        self.size, self.size_source = self._find_size(environ)
        self.palette = Palette(self.choice.capabilities)
        self.frame = Frame(*self.size, self.palette)
        self.painter = Painter(self.palette, *self.size)
        self.unsent = b""
        self.started = False
        self.started_at = 0.0
        """Seconds of `time.monotonic`."""
        self.taken = False
        """Whether a driver took it over, and ends it."""

    @property
    def must_ask_size(self) -> bool:
        """Whether nobody but the terminal itself can tell its size."""
        return self.size_source == "nobody knows"

    @property
    def too_small(self) -> bool:
        """Whether the screen would not fit; a notice is shown then."""
        return self.size[0] < self.options.smallest[0] or self.size[1] < self.options.smallest[1]

    def describe(self) -> str:
        """What was chosen and why, for an About screen."""
        columns, rows = self.size
        return f"{self.choice.describe()} {columns}x{rows}, {self.size_source}."

    def start(self) -> None:
        """Raw mode and the few modes that are needed."""
        self.line.raw()
        can = self.choice.capabilities
        self.painter.forget()
        codes = "\x1b[?1049h" if can.alternate else ""
        codes += "\x1b[?2004h" if can.paste else ""
        codes += ASK_POSITION if self.must_ask_size and not self.started else ""
        self.started = True
        self.started_at = time.monotonic()
        self.send(codes.encode())

    def send(self, data: bytes) -> None:
        """Send now what the line takes; the rest waits in ``unsent``."""
        self.unsent += data
        self.unsent = self.unsent[self.line.write(self.unsent) :]

    def end(self, unsent: bytes = b"", *, replies: int | None = None, asked_at: float | None = None) -> None:
        """The terminal as it was before: modes, screen, cursor.

        ``replies`` of the terminal that were asked for, the last at ``asked_at`` (seconds of
        `time.monotonic`), are waited for: at most two seconds, and not from a terminal that was silent for
        three. All else never takes longer than a third of a second.
        """
        self.line.write_within(unsent + self.last_words(), _LAST_WORDS)
        if replies is None:
            replies, asked_at = int(self.started and self.must_ask_size), self.started_at
        if replies:
            since = time.monotonic() - (self.started_at if asked_at is None else asked_at)
            self.line.hear_replies(replies, min(_LATE_REPLY, _SILENT - since))
        self.line.restore()

    def last_words(self) -> bytes:
        """The codes that undo everything; the screen is emptied, for others may come by."""
        can = self.choice.capabilities
        margins = f"\x1b[1;{self.size[1]}r" if self.size[1] > 1 else ""
        codes = f"\x0f\x1b[m{margins}\x1b[?7h\x1b[?25h"
        codes += "\x1b[?2004l" if can.paste else ""
        return (codes + "\x1b[H\x1b[J" + ("\x1b[?1049l" if can.alternate else "")).encode()

    def close(self) -> None:
        """Let go of the line."""
        self.line.close()

    # -- size -------------------------------------------------------------------------------------

    def _find_size(self, environ: Mapping[str, str]) -> tuple[tuple[int, int], str]:
        size, source = self._told_size(environ)
        return _bounded(size), source

    def _told_size(self, environ: Mapping[str, str]) -> tuple[tuple[int, int], str]:
        if self.options.size is not None:
            return self.options.size, "as asked for"
        known = self.line.size()
        if known is not None:
            return known, "as the system says"
        named = _number(environ.get("COLUMNS")), _number(environ.get("LINES"))
        if named[0] and named[1]:
            return (named[0], named[1]), "from COLUMNS and LINES"
        return _FALLBACK, "nobody knows"

    def resized(self) -> bool:
        """Look again; whether the size is another one now. The terminal shows nothing sure after a change."""
        known = self.line.size() if self.options.size is None else None
        return known is not None and self.adopt_size(known, "as the system says")

    def adopt_size(self, size: tuple[int, int], source: str) -> bool:
        """Use this size (columns, rows); whether it is another one."""
        size = _bounded(size)
        self.size_source = source
        if size == self.size or min(size) < 1:
            return False
        self.size = size
        self.frame.resize(*size)
        self.painter.forget()
        return True

    # -- before the toolkit -----------------------------------------------------------------------

    def paint(
        self, rows: Sequence[str | Sequence[tuple[str, int]]], cursor: tuple[int, int] | None = None
    ) -> None:
        """Show rows of plain text or of (text, attribute bits) pieces; keep the session for the driver.

        The cursor (column, row) is hidden unless it is said where it will belong.
        """
        for y, row in enumerate(rows):
            x = 0
            for text, attributes in [(row, 0)] if isinstance(row, str) else row:
                x = self.frame.write(x, y, text, self.palette.number(Look(attributes=attributes)))
        self.send(self.painter.paint(self.frame, cursor).encode())
        Session.waiting = self


def skeleton(
    rows: Sequence[str | Sequence[tuple[str, int]]], options: TerminalOptions | None = None
) -> Session:
    """Open the terminal and show ``rows`` at once.

    Raises NoTerminal. End the session if no driver takes it over.
    """
    session = Session(options or TerminalOptions(), os.environ)
    session.start()
    session.paint(rows)
    return session


def take_over() -> Session | None:
    """The session that a skeleton left, once."""
    session, Session.waiting = Session.waiting, None
    if session is not None:
        session.taken = True
    return session


def _terminal() -> int:
    for fd in (0, 1, 2):
        if os.isatty(fd):
            return fd
    raise NoTerminal(
        "There is no terminal. Start this program from a terminal, a serial line or an SSH session."
    )


def _bounded(size: tuple[int, int]) -> tuple[int, int]:
    """Any ssh client can say that its window has 65535 columns and rows: the cells of that are 3 GB."""
    return min(size[0], _MOST[0]), min(size[1], _MOST[1])


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else 0
