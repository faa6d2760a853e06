"""Who is logged on: random sessions in memory, which end when nothing happens, and with the password."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from tm_tui.clock import Clock
from tm_tui.portal.callers import Least, Level, may

__all__ = ["IDLE_SECONDS", "Session", "Sessions"]

IDLE_SECONDS = 15 * 60.0
_LONGEST_SECONDS = 8 * 3600.0
_MOST = 200


@dataclass(slots=True)
class Session:
    """One log-on. `secret` is the account's stored hash at that moment; `token` stands in each form."""

    account: str
    secret: str
    token: str
    began: float
    seen: float
    words: str = ""
    """To be said on the next page, once."""
    level: Level = "read-only"
    """As the account says at each request."""

    def may(self, least: Least) -> bool:
        """Whether what needs this level is to be offered."""
        return may(self.level, least)


class Sessions:
    """All of them, bounded; the one that was longest unused makes room."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, Session] = OrderedDict()

    def begin(self, account: str, secret: str) -> str:
        """Log on; the name of the new session."""
        name, now = secrets.token_urlsafe(32), self._clock.monotonic()
        self._known[name] = Session(account, secret, secrets.token_urlsafe(32), now, now)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return name

    def find(self, name: str | None) -> Session | None:
        """The session of this name, if it is still good; it counts as used."""
        found = self._known.get(name or "")
        if found is None or name is None:
            return None
        now = self._clock.monotonic()
        if now - found.seen > IDLE_SECONDS or now - found.began > _LONGEST_SECONDS:
            del self._known[name]
            return None
        found.seen = now
        self._known.move_to_end(name)
        return found

    def end(self, name: str | None) -> None:
        """Log off."""
        self._known.pop(name or "", None)
