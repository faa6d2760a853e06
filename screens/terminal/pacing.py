"""Sends the newest frame when the line can take it.

One write may be under way, no frame ever waits in a queue.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from screens.terminal.line import HungUp, Line

if TYPE_CHECKING:
    from collections.abc import Callable

PROBE = "\x1b[5n"
"""DSR (VT100): the terminal answers CSI 0 n when it has come to this point."""

_SETTLE = 0.02
_LONGEST_SETTLE = 0.06
_FIRST_SETTLE = 0.004
"""The first frame is waited for most, and laid out in one go."""
_MANY = 250
_SETTLE_MANY = 0.045
_LONGEST_MANY = 0.15
"""A frame of more cells, or before a layout, waits longer: on a slow line half of such a one is dear."""
_LATE = 0.005
_LONGEST_BUSY = 0.2
"""Seconds that a frame may wait for an app at work: what it shows by then is half of what it means."""
_SHARE = 0.15
"""Seconds of the line that one portion of a frame may take."""
_SLACK = 0.05
"""Seconds of unsent bytes that count as a free line."""
_UNPROBED = 48
"""Bytes that are sent without asking, to a line of which nothing is known..."""
_UNPROBED_SECONDS = 0.05
"""...and the seconds of the line that they may take where its speed is known."""
_FORGIVEN = 240.0
"""Bytes a second that even a slow line takes without being asked."""
_FAST = 50_000.0
_NO_ANSWER = 2.0
_MOST_LOST = 3
_ASSUMED = 960.0
"""Bytes a second of a line that answers and was not measured yet."""
_TELLING = 200
"""Bytes from which on the time of an answer tells the line's speed more than its delay."""


class Source(Protocol):
    """What is painted: ``next_bytes`` gives codes for the newest frame, about ``budget`` bytes of them."""

    def next_bytes(self, budget: int | None) -> bytes:
        """Codes for the newest frame."""
        ...

    @property
    def unfinished(self) -> bool:
        """Whether the budget cut the frame short."""
        ...

    @property
    def unsettled(self) -> bool:
        """Whether a newer frame is sure to come."""
        ...

    def extent(self) -> int:
        """How many cells there are to paint."""
        ...


class Pacer:
    """Paces one line. ``gone`` is called once when the other end has hung up."""

    def __init__(self, line: Line, source: Source, gone: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._line = line
        self._source = source
        self._gone = gone
        self._rate = None if _is_pty(line) else line.bytes_per_second()
        self._asks = _is_pty(line)
        self._changed_at = self._first_change = self._busy_since = self._due = 0.0
        self._dirty = self._held = self._closed = self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._pending = b""
        self._is_first = True
        self._answers = False
        self._asked_at: float | None = None
        self._asked_bytes = 0
        self._unprobed, self._counted_at = 0.0, self._loop.time()
        self._lost = 0
        self.unanswered = 0
        """Probes that were sent and not answered yet."""
        self.probed_at = 0.0
        """When the last one was sent, in the seconds of `time.monotonic`."""

    @property
    def stuck(self) -> bool:
        """Whether the line is full and nobody takes what is in it."""
        return bool(self._pending)

    def changed(self) -> None:
        """There is a newer frame."""
        self._changed_at = self._loop.time()
        if not self._dirty:
            self._dirty = True
            self._first_change = self._busy_since = self._changed_at
            self._at(self._changed_at + (_FIRST_SETTLE if self._is_first else _SETTLE))

    def settled(self) -> None:
        """No newer frame comes at once: send this one as soon as the line is free."""
        if self._dirty:
            self._changed_at = self._first_change = self._loop.time() - _LONGEST_MANY
            self._try()

    def send(self, data: bytes) -> None:
        """Send codes that are no frame, after what is under way."""
        self._pending += data
        self._drain()

    def start(self) -> None:
        """Ask once whether this terminal answers; until it has, nothing waits for answers."""
        if self._asks:
            self.send(self._probe())

    def answered(self) -> None:
        """The terminal has reached the last probe."""
        self._answers, self._lost = True, 0
        self.unanswered = max(0, self.unanswered - 1)
        if self._asked_at is None:
            return
        seconds = max(self._loop.time() - self._asked_at, 0.001)
        measured = self._asked_bytes / seconds
        if self._rate is None or measured > self._rate:
            self._rate = measured
        elif self._asked_bytes >= _TELLING:
            self._rate = (self._rate + measured) / 2
        self._asked_at = None
        self._try()

    def hold(self) -> None:
        """Paint nothing until ``release``: the size is not known yet."""
        self._held = True

    def release(self) -> None:
        """Paint again."""
        self._held = False
        self._try()

    def close(self) -> bytes:
        """Stop; return what was not sent."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._writing:
            self._loop.remove_writer(self._line.fd)
            self._writing = False
        pending, self._pending = self._pending, b""
        return pending

    # -- when -------------------------------------------------------------------------------------

    def _at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        late = now - self._due
        if late > _LATE and not self._is_first and now - self._busy_since < _LONGEST_BUSY:
            # The app was at work all the time, so it has not settled yet.
            self._changed_at = now
            self._first_change += late
        self._try()

    def _try(self) -> None:
        """Send the newest frame now, or see to it that this is called again when that may be right."""
        if self._closed or not self._dirty or self._held or self._pending:
            return
        now = self._loop.time()
        when = max(self._settled_at(), self._free_at(now))
        if when > now + 0.0005:
            self._at(when)
            return
        self._flush(now)

    def _settled_at(self) -> float:
        """When the app will have said all that belongs together, as far as can be told."""
        if not self._is_first and (self._source.unsettled or self._source.extent() > _MANY):
            return min(self._changed_at + _SETTLE_MANY, self._first_change + _LONGEST_MANY)
        settle = _FIRST_SETTLE if self._is_first else _SETTLE
        return min(self._changed_at + settle, self._first_change + _LONGEST_SETTLE)

    def _free_at(self, now: float) -> float:
        """When the line will be free, as far as is known."""
        if self._asked_at is not None:
            end = self._asked_at + _NO_ANSWER
            if now < end:
                return end
            self._asked_at = None
            self._lost += 1
            self._answers = self._lost < _MOST_LOST
        if self._asks or self._rate is None:
            return now
        return now + max(0.0, self._line.waiting() / self._rate - _SLACK)

    def _flush(self, now: float) -> None:
        self._dirty = False
        self._is_first = False
        data = self._source.next_bytes(self._budget())
        if self._source.unfinished:
            self._dirty = True
        if not data:
            return
        if self._asks and self._answers and self._probe_due(now, len(data)):
            data += self._probe()
            self._asked_at, self._asked_bytes = now, len(data)
        self.send(data)
        self._try()

    def _probe(self) -> bytes:
        self.unanswered += 1
        self.probed_at = time.monotonic()
        return PROBE.encode()

    def _budget(self) -> int | None:
        rate = _ASSUMED if self._rate is None and self._answers else self._rate
        return None if rate is None or rate > _FAST else max(64, int(rate * _SHARE))

    def _probe_due(self, now: float, count: int) -> bool:
        self._unprobed = max(0.0, self._unprobed - (now - self._counted_at) * _FORGIVEN) + count
        self._counted_at = now
        due = self._unprobed >= max(_UNPROBED, (self._rate or 0.0) * _UNPROBED_SECONDS)
        if due:
            self._unprobed = 0.0
        return due

    # -- writing ----------------------------------------------------------------------------------

    def _drain(self) -> None:
        if self._closed:
            return
        try:
            self._pending = self._pending[self._line.write(self._pending) :]
        except HungUp:
            self.close()
            self._gone()
            return
        if bool(self._pending) != self._writing:
            self._writing = bool(self._pending)
            if self._writing:
                self._loop.add_writer(self._line.fd, self._drain)
            else:
                self._loop.remove_writer(self._line.fd)
                self._try()


def _is_pty(line: Line) -> bool:
    return line.device is None or line.device.startswith("/dev/pt")
