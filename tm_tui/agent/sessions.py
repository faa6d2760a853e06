"""The consoles that follow the agent now: each is known from its status stream, and gone with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tm_tui.api.agent import SessionEntry, SessionInfo
from tm_tui.clock import Clock

__all__ = ["Sessions"]

_MOST_OF_A_USER = 20


@dataclass(slots=True)
class _Console:
    who: SessionInfo
    since: float
    editing: tuple[str, ...] = ()
    editing_since: float = 0.0


class Sessions:
    """Who is on. `changed` is called when that is news."""

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._consoles: dict[tuple[int, str], list[_Console]] = {}
        """By user and the console's own id, which counts only together with its user.

        One that comes back before its old stream has ended is there twice.
        """

    @contextmanager
    def following(self, identity: str, who: SessionInfo, uid: int) -> Iterator[None]:
        """Somebody follows the status for as long as this lasts. Raises nothing.

        Of one user so many consoles are told of, no more.
        """
        key = (uid, identity)
        if key not in self._consoles and sum(one == uid for one, _ in self._consoles) >= _MOST_OF_A_USER:
            yield
            return
        console = _Console(who, self._clock.monotonic())
        self._consoles.setdefault(key, []).append(console)
        self._changed()
        try:
            yield
        finally:
            left = self._consoles[key]
            left.remove(console)
            if not left:
                del self._consoles[key]
            self._changed()

    def edits(self, identity: str, uid: int, editing: tuple[str, ...]) -> bool:
        """Note where this console has something unsaved; False when this user has no such console on."""
        ours = self._consoles.get((uid, identity), ())
        if any(console.editing != editing for console in ours):
            now = self._clock.monotonic()
            for console in ours:
                if not console.editing:
                    console.editing_since = now
                console.editing = editing
            self._changed()
        return bool(ours)

    def entries(self) -> tuple[SessionEntry, ...]:
        """Who is on now, the longest first."""
        now = self._clock.monotonic()
        newest = ((identity, consoles[-1]) for (_, identity), consoles in self._consoles.items())
        return tuple(
            SessionEntry(
                **console.who.fields(),
                id=identity,
                seconds=round(max(0.0, now - console.since), 3),
                editing=console.editing,
                editing_seconds=round(max(0.0, now - console.editing_since), 3) if console.editing else 0.0,
            )
            for identity, console in newest
        )
