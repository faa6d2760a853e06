"""Who has how many connections: those nobody knows yet never take what registered appliances need.

A newcomer is let in. Where a room is full, it takes the place of whoever has waited longest in it without a
request under way, of the one who has most. What a stranger has under way counts for some seconds: else, when
a whole fleet comes back at once, each would take the place of one who was nearly done, and none got in.
"""

import ipaddress
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from tm_tui.portal.refusals import Refused
from tm_tui.portal.settings import Limits
from tm_tui.serving.limits import Share

__all__ = ["Guest", "Room", "Rooms", "Shares", "descriptors", "ssh_shares", "web_shares"]

Room = Literal["unknown", "appliance", "operator", "proxy"]

Shares = Mapping[Room, Share]


def web_shares(limits: Limits) -> Shares:
    """Of one HTTPS server; `a_user` is a remote address, an account, an operator."""
    operators = Share(limits.operators // 2, limits.operators)
    clients = limits.unknown + limits.appliances + limits.operators
    return {
        "unknown": _most(limits.unknown),
        "appliance": _most(limits.appliances),
        "operator": operators,
        "proxy": Share(clients, clients),  # beside them: a portal has clients of one way or of the other
    }


def ssh_shares(limits: Limits) -> Shares:
    """Of the log server over SSH. A log-on is a matter of seconds: half as many are at it."""
    return {"unknown": _most(limits.ssh // 2), "appliance": _most(limits.ssh)}


def _most(in_all: int) -> Share:
    return Share(in_all * 3 // 4, in_all)


def descriptors(limits: Limits) -> int:
    """Open files that a process needs, so that its rooms are as large as that."""
    return max(_in_all(of(limits)) for of in (web_shares, ssh_shares)) * _PART


def _in_all(shares: Shares) -> int:
    return sum(share.in_all for room, share in shares.items() if room != "proxy")


_RETRY_SECONDS = 10
_MANY = 8
"""So many strangers of one address are no more than those of a few people."""
_PART = 3
"""The rooms of a server take at most this part of the descriptors: there are three servers, and files."""


@dataclass(slots=True, eq=False)
class Guest:
    """A connection. `end` cuts it; `waiting` tells whether it has no request under way."""

    address: str
    end: Callable[[], object] = field(default=lambda: None)
    waiting: Callable[[], bool] = field(default=lambda: True)
    room: Room = "unknown"
    who: str = ""
    since: float = field(default_factory=time.monotonic)
    """When it came, or when its last request was over."""
    beside: "dict[Guest, None]" = field(default_factory=dict)
    """Those of the same room and the same `who`, the longest unused first."""
    client: str = ""
    """The address that a proxy named for the whole connection."""

    def used(self) -> None:
        """It has just been of use."""
        self.since = time.monotonic()
        if self in self.beside:
            del self.beside[self]
            self.beside[self] = None


class Rooms:
    """The connections of one server. A newcomer costs no more in a full room than in an empty one."""

    def __init__(self, shares: Shares, grace: float = 0.0) -> None:
        """`grace`: seconds for which what a stranger has under way counts."""
        self._shares, self._grace = shares, grace
        self._guests: dict[Room, dict[str, dict[Guest, None]]] = {room: {} for room in shares}
        self._counts: dict[Room, int] = dict.fromkeys(shares, 0)

    @classmethod
    def of_process(cls, shares: Shares, grace: float = 0.0) -> Self:
        """As many as the soft limit of descriptors of this process allows."""
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        wanted = _in_all(shares) * _PART
        part = 1.0 if soft < 0 or soft >= wanted else soft / wanted
        less = {
            room: Share(max(1, int(one.a_user * part)), max(2, int(one.in_all * part)))
            for room, one in shares.items()
        }
        return cls(less, grace)

    def __len__(self) -> int:
        return sum(self._counts.values())

    @property
    def full(self) -> bool:
        """Whether newcomers had better wait a moment, as all strangers are being let in."""
        strangers = self._guests["unknown"]
        if self._counts["unknown"] < self._shares["unknown"].in_all:
            return False
        return not any(len(one) > _MANY or self._longest(one, strange=True) for one in strangers.values())

    def enter(self, guest: Guest) -> bool:
        """Let a stranger in; False: those of its address, or all, are being let in just now."""
        who = _network(guest.address)
        if not self._make_room("unknown", who):
            return False
        self._place(guest, "unknown", who)
        return True

    def enter_proxied(self, guest: Guest) -> None:
        """Let a trusted proxy in: its connection serves many clients, whom it has to bound itself."""
        self._make_room("proxy", "")
        self._place(guest, "proxy", "")

    def become(self, guest: Guest, room: Room, who: str) -> bool:
        """It is known from now on; False: the room is full of those who have a request under way."""
        if guest.room == "proxy" or (guest.room, guest.who) == (room, who):
            return True
        if guest not in guest.beside or not self._make_room(room, who):
            return False
        self.leave(guest)
        self._place(guest, room, who)
        return True

    def admit(self, guest: Guest, room: Room, who: str) -> None:
        """The same for a request; where it is refused this raises Refused (503)."""
        if not self.become(guest, room, who):
            cause = "The portal has as many connections as it can serve."
            raise Refused(
                503, "busy", cause, "Try again in a moment.", close=True, retry_after=_RETRY_SECONDS
            )

    def leave(self, guest: Guest) -> None:
        """It has gone."""
        if guest not in guest.beside:
            return
        del guest.beside[guest]
        self._counts[guest.room] -= 1
        if not guest.beside:
            del self._guests[guest.room][guest.who]

    def _place(self, guest: Guest, room: Room, who: str) -> None:
        guest.room, guest.who, guest.beside = room, who, self._guests[room].setdefault(who, {})
        guest.beside[guest] = None
        self._counts[room] += 1

    def _make_room(self, room: Room, who: str) -> bool:
        share, guests = self._shares[room], self._guests[room]
        strange, ours = room == "unknown", guests.get(who, {})
        if len(ours) >= share.a_user:
            return self._end(self._longest(ours, strange=strange))
        if self._counts[room] < share.in_all:
            return True
        most = sorted(guests.values(), key=len, reverse=True)
        if any(self._end(self._longest(one, strange=strange)) for one in most):
            return True
        if strange and len(most[0]) > _MANY + 2 * len(ours):  # whatever one has under way who has so many
            return self._end(next(iter(most[0])))
        return False

    def _longest(self, guests: dict[Guest, None], *, strange: bool) -> Guest | None:
        """Who has to go first, if one of these has to."""
        until = time.monotonic() - self._grace if strange else float("-inf")
        return next((one for one in guests if one.waiting() or one.since <= until), None)

    def _end(self, guest: Guest | None) -> bool:
        if guest is None:
            return False
        self.leave(guest)
        guest.end()
        return True


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address, which one machine has for itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return address if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
