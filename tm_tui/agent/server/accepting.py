"""Lets connections to the control socket in, and turns away who has too many, or no role.

The shares are such that those who look never take what those who write need.
"""

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping

from tm_tui.agent.server.rate import Rate
from tm_tui.serving.limits import Share
from tm_tui.serving.listening import AcceptLoop, Seldom
from tm_tui.serving.peers import Peer, Role, peer_of, role_of, user_name
from tm_tui.serving.refusals import Refused, refusal_message

__all__ = ["ROLE_UNKNOWN", "Accepting", "Admitted", "Slots"]

_log = logging.getLogger(__name__)

_ROLE_SECONDS = 1.0
"""For so long a role that was looked up holds for further connections; each request asks anew."""
_MOST_ROLES = 256

ROLE_UNKNOWN = Refused(
    503,
    "role-unknown",
    "The agent cannot look up now which role your user has.",
    "Try again in a moment. If it stays so, look into the agent's log.",
)
_TOO_MANY = refusal_message(
    Refused(
        503,
        "too-many-connections",
        "Your user, or all users of your role, have as many connections to the agent as they may.",
        "Close consoles or commands that you do not need, and try again in a moment.",
    )
)
_ASK_AGAIN = refusal_message(ROLE_UNKNOWN)


class Slots:
    """Counted by role, and within a role by the kernel's user. The roles take nothing from each other."""

    def __init__(self, shares: Mapping[Role, Share]) -> None:
        self._shares = shares
        self._users: dict[Role, Counter[int]] = {role: Counter() for role in shares}

    def take(self, uid: int, role: Role) -> Callable[[], None] | None:
        """Take one and return what gives it back (once, however often it is called); None: there is none."""
        users, share = self._users[role], self._shares[role]
        if users[uid] >= share.a_user or users.total() >= share.in_all:
            return None
        users[uid] += 1
        taken = [uid]

        def give_back() -> None:
            if taken:
                users[taken.pop()] -= 1
                if not users[uid]:
                    del users[uid]

        return give_back


class Admitted:
    """A connection that may stay: whose it is, and what gives its place back."""

    __slots__ = ("give_back", "peer", "role")

    def __init__(self, peer: Peer, role: Role, give_back: Callable[[], None]) -> None:
        self.peer = peer
        self.role = role
        self.give_back = give_back


class Accepting:
    """Takes connections from `listener`; `protocol` makes what serves one that is admitted.

    `rate` is asked for users who may only look. Ends with `close`.
    """

    def __init__(
        self,
        listener: socket.socket,
        slots: Slots,
        rate: Rate,
        most_delay: float,
        protocol: Callable[[Admitted], asyncio.Protocol],
    ) -> None:
        self._slots = slots
        self._rate, self._most_delay = rate, most_delay
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._seldom = Seldom()
        self._beginning: set[asyncio.Task[None]] = set()
        self._roles: dict[tuple[int, frozenset[int]], Role | None] = {}
        self._roles_until = 0.0
        self._accepting = AcceptLoop(listener, self._admit, "the control socket", self._seldom)

    def close(self) -> None:
        """Accept no more. The listener stays the caller's."""
        self._accepting.close()

    def _admit(self, connection: socket.socket) -> None:
        try:
            peer = peer_of(connection)
            role = self._role(peer)
        except OSError as error:
            if self._seldom("role"):
                _log.warning("A user's role cannot be looked up: %s.", os.strerror(error.errno or 0))
            _turn_away(connection, _ASK_AGAIN)
            return
        if role is None:
            if self._seldom(("none", peer.uid)):
                _log.warning("Connections of %s are dropped: this user has no role.", user_name(peer.uid))
            connection.close()
            return
        give_back = self._place(peer.uid, role)
        if give_back is None:
            if self._seldom(("many", peer.uid)):
                _log.warning("Further connections of %s are refused: it has too many.", user_name(peer.uid))
            _turn_away(connection, _TOO_MANY)
            return
        task = self._loop.create_task(self._begin(connection, Admitted(peer, role, give_back)))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def _role(self, peer: Peer) -> Role | None:
        """Look it up, not for each of thousands of connections."""
        now = self._loop.time()
        if now > self._roles_until or len(self._roles) > _MOST_ROLES:
            self._roles.clear()
            self._roles_until = now + _ROLE_SECONDS
        key = peer.uid, peer.groups
        if key not in self._roles:
            self._roles[key] = role_of(peer)
        return self._roles[key]

    def _place(self, uid: int, role: Role) -> Callable[[], None] | None:
        if role == "read":
            if self._rate.delay(uid) > self._most_delay:
                return None
            self._rate.charge(uid)
        return self._slots.take(uid, role)

    async def _begin(self, connection: socket.socket, admitted: Admitted) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._protocol(admitted), connection)
        except BaseException:
            admitted.give_back()
            connection.close()
            raise


def _turn_away(connection: socket.socket, why: bytes) -> None:
    """Say why, as far as the kernel takes it at once, and close."""
    with connection:
        try:
            connection.send(why)
        except OSError:
            return  # it has gone already
