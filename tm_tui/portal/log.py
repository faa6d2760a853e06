"""The portal's log: one JSON object a line, safe to print, without secrets, bounded."""

import json
import logging
import traceback
from collections import OrderedDict
from contextlib import suppress
from typing import TextIO

from tm_tui.clock import Clock
from tm_tui.text import safe_text

__all__ = ["LibraryMessages", "PortalLog"]

_WINDOW_SECONDS = 60.0
_MOST_IN_WINDOW = 20
_MOST_SOURCES = 1000


class PortalLog:
    """Writes events as `{"at": ..., "event": ..., ...}`."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def say(self, event: str, **fields: object) -> None:
        """Write one line. A closed stream is no reason to stop the portal."""
        line: dict[str, object] = {"at": self._clock.now().isoformat(timespec="milliseconds"), "event": event}
        line |= {
            name: safe_text(value) if isinstance(value, str) else value for name, value in fields.items()
        }
        with suppress(OSError, ValueError):
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()

    def refuse(self, event: str, source: str, **fields: object) -> None:
        """Write about bad input, at most 20 lines a minute for each event and source address."""
        now = self._clock.monotonic()
        began, count = self._seen.pop((event, source), (now, 0))
        if now - began >= _WINDOW_SECONDS:
            if count > _MOST_IN_WINDOW:
                self.say("not-logged", of=event, source=source, lines=count - _MOST_IN_WINDOW)
            began, count = now, 0
        self._seen[event, source] = (began, count + 1)
        if len(self._seen) > _MOST_SOURCES:
            self._seen.popitem(last=False)
        if count < _MOST_IN_WINDOW:
            self.say(event, source=source, **fields)


class LibraryMessages(logging.Handler):
    """Brings what uvicorn, asyncssh and asyncio have to say into the portal's log."""

    def __init__(self, log: PortalLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; of an exception, its kind and where it was raised."""
        where: list[str] = []
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            where = [type(error).__name__, *(f"{f.filename}:{f.lineno}" for f in _frames(error)[-5:])]
        self._log.refuse(
            "library", record.name, level=record.levelname, text=record.getMessage(), where=where
        )


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return list(traceback.extract_tb(error.__traceback__))
