"""What the agent did of late: the newest lines of its journal, kept in memory for the console to follow."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from typing import Literal

from tm_tui.api.agent import ActivityLine
from tm_tui.changes import Changed
from tm_tui.clock import Clock

__all__ = ["Activity"]

_SOURCE = "tm_tui"
_MOST_LINES = 500
_AT_ONCE = 100

Level = Literal["info", "warning", "error"]


class Activity(logging.Handler):
    """Takes what the engine logs at INFO and above, from any thread. Made inside a running event loop.

    So journal and console never tell different stories. `close` ends it.
    """

    def __init__(self, clock: Clock, most: int = _MOST_LINES) -> None:
        super().__init__(logging.INFO)
        self._clock = clock
        self._lines: deque[ActivityLine] = deque(maxlen=most)
        self._count = 0
        self._changed = Changed()
        self._loop = asyncio.get_running_loop()
        source = logging.getLogger(_SOURCE)
        self._level = source.level
        if source.getEffectiveLevel() > logging.INFO:
            source.setLevel(logging.INFO)
        source.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; tracebacks stay in the journal."""
        line = ActivityLine(at=self._clock.now(), level=_level(record.levelno), text=record.getMessage())
        self._loop.call_soon_threadsafe(self._keep, line)

    def _keep(self, line: ActivityLine) -> None:
        self._lines.append(line)
        self._count += 1
        self._changed.announce()

    def close(self) -> None:
        """Take no more lines."""
        source = logging.getLogger(_SOURCE)
        source.removeHandler(self)
        source.setLevel(self._level)
        super().close()

    def lines(self) -> tuple[ActivityLine, ...]:
        """The newest lines, the oldest of them first."""
        return tuple(self._lines)

    async def follow(self) -> AsyncGenerator[tuple[ActivityLine, ...], None]:
        """Yield the lines that are there, then the new ones, for ever; a slow reader misses the oldest."""
        seen = 0
        while True:
            changed = self._changed.event
            new = min(self._count - seen, len(self._lines))
            lines, seen = tuple(self._lines)[len(self._lines) - new :], self._count
            for start in range(0, new, _AT_ONCE):
                yield lines[start : start + _AT_ONCE]
            await changed.wait()


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    return "warning" if number >= logging.WARNING else "info"
