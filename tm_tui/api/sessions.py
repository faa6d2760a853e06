"""Shapes of the control socket about those who sit before the consoles: who, trials, drafts that are kept."""

from functools import partial
from typing import Annotated, Literal

from tm_tui.api.shapes import Shape
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Bounds, Check, Count, Moment, Number

__all__ = [
    "Claim",
    "KeptDraft",
    "RollbackInfo",
    "SessionEntry",
    "SessionInfo",
    "TrialEnd",
    "TrialInfo",
]

_LONGEST_CLAIM = 64

Claim = Annotated[str, Check(partial(safe_text, limit=_LONGEST_CLAIM))]
"""What a client says of itself. Nobody vouches for it; it is shown as such."""


class SessionInfo(Shape, kw_only=True):
    """Who is asking, as the kernel says, and what the role permits; tty and address are the client's word."""

    user: SafeText
    role: Literal["write", "read"]
    tty: Claim = ""
    ssh_from: Claim = ""


class SessionEntry(SessionInfo, kw_only=True):
    """A console that follows the status now. `id` is the one that it chose."""

    id: SafeText
    seconds: Number
    """Since it came."""
    editing: tuple[SafeText, ...] = ()
    """The screens on which something is typed and not saved."""
    editing_seconds: Number = 0.0
    """Since it began to type there."""


class TrialInfo(Shape, kw_only=True):
    """Revision `revision` is in force on trial; `previous` comes back when it is not confirmed in time."""

    revision: Count
    previous: Count
    minutes: Count
    started_by: SafeText
    started_at: Moment
    left_seconds: Number
    problem: SafeText = ""
    """Why it could not be taken back when the time was over; it is tried again."""
    answered: tuple[SafeText, ...] = ()
    """The servers whose way it changed and that have answered since, in words: `status server`."""
    waiting: tuple[SafeText, ...] = ()
    """Those that have not: once none is left, it is confirmed."""


class TrialEnd(Shape):
    """The trial of `revision` is over: `how`, and by whom, in words."""

    revision: Count
    at: Moment
    how: SafeText


class RollbackInfo(Shape, kw_only=True):
    """A trial that nobody confirmed, told until somebody who may write has seen it."""

    trial: Count
    previous: Count
    revision: Count
    """The revision in which the settings of `previous` are in force again."""
    at: Moment
    started_by: SafeText
    why: SafeText


Typed = Annotated[dict[SafeText, Annotated[str, Bounds(0, 4096)] | bool], Bounds(0, 200)]
"""Values by their keys, as they were typed: they need not be right, and fields show them safely."""


class KeptDraft(Shape, kw_only=True):
    """What the same user typed before. Of passwords only the names: they stay in the agent."""

    revision: Count
    typed: Typed
    secrets: tuple[Literal["tmsp", "proxy"], ...]
    removed: tuple[Literal["tmsp", "proxy"], ...] = ()
    """Of `secrets`, those that are to be removed when this is saved."""
    kept_at: Moment
    tty: Claim = ""
