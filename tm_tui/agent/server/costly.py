"""Answers that cost: one at a time for each user, few in all, so that nobody else waits for them.

Each call declares what it costs (`tm_tui/api/calls.py`); here stands what that means.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from tm_tui.agent.server.binding import Bound, Endpoint
from tm_tui.agent.server.http import uid_of
from tm_tui.api.call import Cost
from tm_tui.serving.peers import Role
from tm_tui.serving.refusals import Refused

__all__ = ["RULES", "Rule", "Turns", "guarded", "held"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Of one kind of answers."""

    in_all: Mapping[Role, int]
    """At once, of all users of a role. Of one user it is one."""
    waiting: int
    """Requests of one user that may wait for their turn; a further one is refused at once."""
    rest: Mapping[Role, float]
    """Times as long as an answer of this role took, until its next one may begin."""
    breath: float = 0.0
    """Times as long as a piece of an answer for `read` took, until its next piece is made."""
    patience: float = 10.0
    """Seconds that a request waits for its turn."""


_NO_REST: Mapping[Role, float] = MappingProxyType({"read": 0.0, "write": 0.0})
_DISK = Rule(
    in_all=MappingProxyType({"read": 1, "write": 2}),
    waiting=4,
    rest=MappingProxyType({"read": 20.0, "write": 0.0}),
)
"""Read from disk, or much to compute."""
_LONG = Rule(
    in_all=MappingProxyType({"read": 1, "write": 2}), waiting=1, rest=_NO_REST, breath=4.0, patience=2.0
)
"""Lasts as long as its reader takes. One waits a moment: that the last has left may not be known yet."""
_REMOTE = Rule(in_all=MappingProxyType({"read": 0, "write": 4}), waiting=4, rest=_NO_REST)
"""Goes to a server and back."""

_BUSY = "Your user has one such answer under way, or others have as many as the agent gives at once."
_LATER = "Wait until it has ended, then ask again."


@dataclass(slots=True, eq=False)
class _Waiting:
    uid: int
    role: Role
    turn: "asyncio.Future[None]"


class Turns:
    """Gives turns by a rule, in the order in which they were asked for."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._under_way: list[tuple[int, Role]] = []
        self._waiting: list[_Waiting] = []
        self._rested: dict[Role, float] = {}

    async def take(self, uid: int, role: Role) -> Callable[[], None]:
        """Wait for a turn, and return what ends it. Raises Refused when there is none, or not in time."""
        if self._may(uid, role):
            self._under_way.append((uid, role))
        else:
            await self._wait(uid, role)
        began, ended = asyncio.get_running_loop().time(), False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._end(uid, role, began)

        return end

    def _may(self, uid: int, role: Role) -> bool:
        ours = [user for user, theirs in self._under_way if theirs == role]
        rested = asyncio.get_running_loop().time() >= self._rested.get(role, 0.0)
        return rested and uid not in ours and len(ours) < self._rule.in_all[role]

    async def _wait(self, uid: int, role: Role) -> None:
        if sum(one.uid == uid for one in self._waiting) >= self._rule.waiting:
            raise Refused(429, "busy", _BUSY, _LATER)
        me = _Waiting(uid, role, asyncio.get_running_loop().create_future())
        self._waiting.append(me)
        try:
            await asyncio.wait({me.turn}, timeout=self._rule.patience)
        except asyncio.CancelledError:
            self._give_up(me)
            raise
        if not me.turn.done():
            self._give_up(me)
            raise Refused(429, "busy", _BUSY, _LATER)

    def _give_up(self, one: _Waiting) -> None:
        if one.turn.done():
            self._end(one.uid, one.role, asyncio.get_running_loop().time())
        else:
            self._waiting.remove(one)

    def _end(self, uid: int, role: Role, began: float) -> None:
        loop = asyncio.get_running_loop()
        self._under_way.remove((uid, role))
        if rest := self._rule.rest[role] * (loop.time() - began):
            self._rested[role] = loop.time() + rest
            loop.call_later(rest, self._grant)
        self._grant()

    def _grant(self) -> None:
        for one in tuple(self._waiting):
            if self._may(one.uid, one.role):
                self._waiting.remove(one)
                self._under_way.append((one.uid, one.role))
                one.turn.set_result(None)


class _Held(Response):
    """A response after whose last byte something is done, whatever becomes of it."""

    def __init__(self, response: Response, done: Callable[[], None], breath: float) -> None:
        self._response = response
        self._done = done
        self._breath = breath

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and wait until it is on its way: what nobody reads counts as under way."""
        try:
            await self._response(scope, receive, _breathing(send, self._breath) if self._breath else send)
            if flushed := scope["state"].get("flushed"):
                await flushed()
        finally:
            self._done()


def _breathing(send: Send, times: float) -> Send:
    """Leave the event loop to others between two pieces, longer than a piece takes."""
    loop = asyncio.get_running_loop()
    since = loop.time()

    async def slowly(message: Message) -> None:
        nonlocal since
        took = loop.time() - since
        await send(message)
        await asyncio.sleep(took * times)
        since = loop.time()

    return slowly


def held(response: Response, done: Callable[[], None], breath: float = 0.0) -> Response:
    """Return the response, which calls `done` once it was given, or could not be."""
    return _Held(response, done, breath)


# --- what costs

RULES: Mapping[Cost, Rule] = MappingProxyType({"disk": _DISK, "long": _LONG, "remote": _REMOTE})
"""By what a call declares. The connection test counts itself."""


def guarded(bound: Sequence[Bound]) -> list[Route]:
    """Make the routes: calls that cost wait for their turns, which calls of one rule share."""
    turns = {cost: Turns(rule) for cost, rule in RULES.items()}
    return [
        Route(
            one.call.path,
            _in_turn(one, turns[one.call.costs], RULES[one.call.costs].breath)
            if one.call.costs
            else one.endpoint,
            methods=[one.call.method],
        )
        for one in bound
    ]


def _in_turn(bound: Bound, turns: Turns, breath: float) -> Endpoint:
    async def answered(request: Request) -> Response:
        if request.query_params.get("format", "") == bound.call.free:
            return await bound.endpoint(request)
        role: Role = request.state.session.role
        end = await turns.take(uid_of(request), role)
        try:
            response = await bound.endpoint(request)
        except BaseException:
            end()
            raise
        return held(response, end, breath if role == "read" else 0.0)

    return answered
