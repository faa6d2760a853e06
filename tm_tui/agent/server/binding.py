"""Binds each declared call (`tm_tui/api/calls.py`) to what does it, and writes its answer."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.server.http import body_of, expected_revision
from tm_tui.api.call import Call, Order
from tm_tui.api.requests import Request as Body
from tm_tui.serving.refusals import answer

__all__ = ["Bound", "Endpoint", "all_of", "bind", "bind_order"]

T = TypeVar("T")
B = TypeVar("B", bound=Body)

Endpoint = Callable[[Request], Awaitable[Response]]


class _Number(IntegerConvertor):
    """A number that something of ours may have; one that is longer is not found, whatever Python reads."""

    regex = "[0-9]{1,12}"


register_url_convertor("number", _Number())


@dataclass(frozen=True, slots=True)
class Bound:
    """A call, and the endpoint that answers it."""

    call: Call[Any]
    endpoint: Endpoint


def bind(call: Call[T], does: Callable[[Request], Awaitable[T | Response]]) -> Bound:
    """`does` returns what the call declares as its answer, or a response of its own: a stream, a conflict."""

    async def endpoint(request: Request) -> Response:
        if call.if_match:
            expected_revision(request)
        return _written(call, await does(request))

    return Bound(call, endpoint)


def bind_order(order: Order[T, B], does: Callable[[Request, B], Awaitable[T | Response]]) -> Bound:
    """As `bind`; `does` gets the body too, which is of the declared shape."""

    async def endpoint(request: Request) -> Response:
        if order.if_match:
            expected_revision(request)
        wanted = await body_of(request, order.body, empty=order.empty)
        return _written(order, await does(request, wanted))

    return Bound(order, endpoint)


def _written(call: Call[Any], given: Any) -> Response:
    return given if isinstance(given, Response) else answer(given, call.status)


def all_of(bounds: Iterable[Bound], declared: Iterable[Call[Any]]) -> tuple[Bound, ...]:
    """All that is bound. Raises RuntimeError, with the names, unless that is each declared call, once."""
    found = tuple(bounds)
    wrong = {one.shown for one in declared} ^ {one.call.shown for one in found}
    if wrong or len({one.call for one in found}) < len(found):
        raise RuntimeError(f"Declared and not bound, or bound twice: {', '.join(sorted(wrong)) or 'a call'}")
    return found
