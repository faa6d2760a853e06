"""Signals of a terminal program.

Every one that ends it does so within a second, whatever the program is doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)
_PATIENCE = 0.7
_DEBOUNCE = 0.1


class Reactions(NamedTuple):
    """What to do: ``end`` gets the exit status (128 + signal).

    ``give_up`` restores the terminal when the loop is stuck.
    """

    end: Callable[[int], None]
    give_up: Callable[[], None]
    resized: Callable[[], None]
    suspend: Callable[[], None]
    resume: Callable[[], None]


class Signals:
    """Handlers that are in force from ``watch`` to ``stop``. Only the main thread may watch."""

    def __init__(self, reactions: Reactions) -> None:
        self._loop = asyncio.get_running_loop()
        self._reactions = reactions
        self._before: dict[int, Any] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._status = 0

    def watch(self) -> None:
        """Take the signals over, also those that were ignored.

        An ignored SIGHUP must not leave a program behind.
        """
        for number in _ENDING:
            self._handle(number, self._end)
        self._handle(signal.SIGWINCH, self._winch)
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            self._handle(signal.SIGTSTP, self._suspend)
        self._handle(signal.SIGCONT, self._continue)
        self._handle(signal.SIGALRM, self._too_long)

    def stop(self) -> None:
        """The handlers from before."""
        if self._timer is not None:
            self._timer.cancel()
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()

    @property
    def hurrying(self) -> bool:
        """Whether a signal, or a line that was lost, wants the end within a second."""
        return bool(self._status)

    def hurry(self, status: int) -> None:
        """The end has begun: give up in a moment if it does not come."""
        self._status = self._status or status
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)

    def _handle(self, number: int, handler: Callable[[int, Any], None]) -> None:
        # Another thread than the main one: then somebody else handles signals.
        with contextlib.suppress(ValueError):
            self._before[number] = signal.signal(number, handler)

    def _soon(self, reaction: Callable[..., None], *arguments: int) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(reaction, *arguments)

    def _end(self, number: int, _frame: Any) -> None:
        if not self._status:
            self.hurry(128 + number)
            self._soon(self._reactions.end, self._status)

    def _too_long(self, _number: int, _frame: Any) -> None:
        self._reactions.give_up()
        os._exit(self._status or 1)

    def _winch(self, _number: int, _frame: Any) -> None:
        self._soon(self._debounce)

    def _debounce(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_DEBOUNCE, self._reactions.resized)

    def _suspend(self, _number: int, _frame: Any) -> None:
        self._reactions.suspend()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _continue(self, _number: int, _frame: Any) -> None:
        if not self._status:  # a hang-up sends SIGCONT after SIGHUP (tty_ioctl(4)), to those who stopped
            self._soon(self._reactions.resume)
