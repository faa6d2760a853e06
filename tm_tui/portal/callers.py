"""Who asks: an account of appliances, or an operator. A route says who may use it; all others get 403."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.portal.refusals import Refused

__all__ = ["ROLES", "Action", "Caller", "Role", "caller_of", "only"]

Role = Literal["appliance", "operator"]
ROLES: tuple[Role, ...] = ("appliance", "operator")
Action = Callable[[Request], Awaitable[Response]]

_WRONG_ROLE = {
    "appliance": ("appliances-only", "This is for the accounts of appliances.", "Use such an account."),
    "operator": ("operators-only", "This is for operators of the portal.", "Use an operator's account."),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """An account whose password was right."""

    name: str
    role: Role

    @property
    def bound_to(self) -> str | None:
        """The account to whose appliances all is restricted; None for an operator, who sees all."""
        return self.name if self.role == "appliance" else None


def caller_of(request: Request) -> Caller:
    """Who sent a request that passed the guard."""
    caller: Caller = request.state.caller
    return caller


def only(role: Role, action: Action) -> Action:
    """`action` for callers of this role. The others' requests are refused (403) before it begins."""

    async def checked(request: Request) -> Response:
        if caller_of(request).role != role:
            code, cause, remedy = _WRONG_ROLE[role]
            raise Refused(403, code, cause, remedy)
        return await action(request)

    return checked
