"""After a server refused user name and password, or what the account may do: when to try by oneself again.

A wrong password that is repeated locks the account. A back end's hiccup refuses once what is right, and
nobody should have to come for that.
"""

import random

from tm_tui.clock import Clock
from tm_tui.link.failures import LinkFailure
from tm_tui.pace import Chance, spread

__all__ = ["REFUSED", "Pause", "is_refused"]

REFUSED = frozenset(
    {
        "http-auth-method",
        "http-auth-refused",
        "http-forbidden",
        "ssh-auth-refused",
        "ssh-more-wanted",
        "ssh-no-credentials",
        "ssh-password-expired",
    }
)
"""Codes of failures after which trying again at once does harm."""
_SLOW, _JITTER = 3600.0, 0.1
_AFTER_A_BEAT = 15.0


def is_refused(failure: LinkFailure) -> bool:
    """Whether user name and password, or what the account may do, was refused."""
    return failure.code in REFUSED


class Pause:
    """One way to a server that refused: an hour, or an accepted beat with the same credentials, ends it.

    A server that refuses what the status server accepts is tried after a beat less and less often: at once,
    then after 15 s, 30 s, 1 min ... 1 h.
    """

    def __init__(self, clock: Clock, chance: Chance = random.random) -> None:
        self._clock, self._chance = clock, chance
        self._refusals = 0
        self._since = 0.0

    def begin(self) -> float:
        """It refused (once more). Seconds until it is tried again whatever comes."""
        self._refusals += 1
        self._since = self._clock.monotonic()
        return spread(_SLOW, _JITTER, self._chance)

    def may_end(self) -> bool:
        """Whether a beat that is accepted now is reason enough to try again."""
        wait = 0.0 if self._refusals < 2 else min(_SLOW, _AFTER_A_BEAT * 2.0 ** min(self._refusals - 2, 16))
        return self._clock.monotonic() - self._since >= wait

    def over(self) -> None:
        """It takes what it is sent."""
        self._refusals = 0
