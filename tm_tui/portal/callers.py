"""Who asks: an account of appliances, or an operator, who may do more or less.

Each route and each page says once whose it is, or the lowest level that it needs (`only`, `Page`).
`check` alone decides; all others get 403.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, get_args

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.portal.refusals import Refused

__all__ = [
    "LEVELS",
    "ROLES",
    "Action",
    "Caller",
    "Least",
    "Level",
    "Role",
    "caller_of",
    "check",
    "level_of",
    "may",
    "only",
    "source_of",
]

Role = Literal["appliance", "operator"]
ROLES: tuple[Role, ...] = ("appliance", "operator")
Level = Literal["read-only", "analyst", "admin"]
"""What operators call their role."""
LEVELS: tuple[Level, ...] = get_args(Level)
"""Each may also what those before it may."""
Least = Literal["appliance", "read-only", "analyst", "admin"]
"""Whose a route is: appliances' alone, or operators' from this level on."""
Action = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Caller:
    """An account whose password was right. `level`: an operator's, else None."""

    name: str
    role: Role
    level: Level | None = None

    @property
    def bound_to(self) -> str | None:
        """The account to whose appliances all is restricted; None for an operator, who sees all."""
        return self.name if self.role == "appliance" else None


def level_of(role: Role, text: str) -> Level | None:
    """As the database has it. An operator whose level nobody knows may only look."""
    return None if role == "appliance" else next((one for one in LEVELS if one == text), "read-only")


def may(level: Level | None, least: Least) -> bool:
    """Whether an operator of this level may do what needs `least`; None: it is an account of appliances."""
    if level is None or least == "appliance":
        return level is None and least == "appliance"
    return LEVELS.index(level) >= LEVELS.index(least)


def check(level: Level | None, least: Least) -> None:
    """Raise Refused (403), in words, for who may not."""
    if may(level, least):
        return
    if least == "appliance":
        cause, remedy = "This is for the accounts of appliances.", "Use such an account."
        raise Refused(403, "appliances-only", cause, remedy)
    if level is None:
        cause, remedy = "This is for operators of the portal.", "Use an operator's account."
        raise Refused(403, "operators-only", cause, remedy)
    cause = f"This needs the role {least}; yours is {level}."
    raise Refused(403, "role-too-low", cause, "Ask an admin of the portal to do it, or for another role.")


def caller_of(request: Request) -> Caller:
    """Who sent a request that passed the guard."""
    caller: Caller = request.state.caller
    return caller


def source_of(request: Request) -> str:
    """From where a request came: an address, for the audit and the limits."""
    return request.client.host if request.client else ""


def only(least: Least, action: Action) -> Action:
    """`action` for these callers. The others' requests are refused (403) before it begins."""

    async def checked(request: Request) -> Response:
        check(caller_of(request).level, least)
        return await action(request)

    return checked
