"""Shapes of the control socket about those who sit before the consoles: who, trials, drafts that are kept."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from tm_tui.api.shapes import Shape
from tm_tui.settings.model import SECRET_NAMES
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Count, Moment, Number

__all__ = [
    "SECRET_NAMES",
    "Claim",
    "DraftRequest",
    "EditingRequest",
    "KeptDraft",
    "RollbackInfo",
    "SecretChanges",
    "SessionEntry",
    "SessionInfo",
    "TrialInfo",
    "TrialRequest",
]

_LONGEST_CLAIM = 64
_MOST_PLACES = 20


def _claim(text: str) -> str:
    return safe_text(text, _LONGEST_CLAIM)


Claim = Annotated[str, AfterValidator(_claim)]
"""What a client says of itself. Nobody vouches for it; it is shown as such."""


class SessionInfo(Shape):
    """Who is asking, as the kernel says, and what the role permits; tty and address are the client's word."""

    user: SafeText
    role: Literal["write", "read"]
    tty: Claim = ""
    ssh_from: Claim = ""


class SessionEntry(SessionInfo):
    """A console that follows the status now. `id` is the one that it chose."""

    id: SafeText
    seconds: Number
    """Since it came."""
    editing: tuple[SafeText, ...] = ()
    """The screens on which something is typed and not saved."""


class EditingRequest(Shape):
    """The body of PUT /v1/session/editing."""

    id: str = Field(max_length=64)
    editing: tuple[SafeText, ...] = Field((), max_length=_MOST_PLACES)


class TrialRequest(Shape):
    """Saves on trial. Without minutes the settings' own `console.trial_minutes` count."""

    minutes: int | None = Field(None, ge=1, le=120)


class TrialInfo(Shape):
    """Revision `revision` is in force on trial; `previous` comes back when it is not confirmed in time."""

    revision: Count
    previous: Count
    minutes: Count
    started_by: SafeText
    started_at: Moment
    left_seconds: Number
    problem: SafeText = ""
    """Why it could not be taken back when the time was over; it is tried again."""


class RollbackInfo(Shape):
    """A trial that nobody confirmed, told until somebody who may write has seen it."""

    trial: Count
    previous: Count
    revision: Count
    """The revision in which the settings of `previous` are in force again."""
    at: Moment
    started_by: SafeText
    why: SafeText


class SecretChanges(Shape):
    """Passwords going in; they never come out. None: unchanged; empty: removed.

    `kept` names those that were typed before a logout: the agent has them still.
    """

    tmsp: SecretStr | None = None
    proxy: SecretStr | None = None
    kept: tuple[Literal["tmsp", "proxy"], ...] = ()

    def by_name(self) -> dict[str, SecretStr | None]:
        """As `Secrets.changed` takes them."""
        return {"tmsp": self.tmsp, "proxy": self.proxy}


Typed = Annotated[dict[SafeText, Annotated[str, Field(max_length=4096)] | bool], Field(max_length=200)]
"""Values by their keys, as they were typed: they need not be right, and fields show them safely."""


class DraftRequest(Shape):
    """The body of PUT /v1/draft: what is typed and not saved, as the console logs out.

    `kept` in `secrets` refers to passwords that the agent keeps from before.
    """

    revision: Count
    typed: Typed = Field({})
    secrets: SecretChanges = SecretChanges()


class KeptDraft(Shape):
    """What the same user typed before. Of passwords only the names: they stay in the agent."""

    revision: Count
    typed: Typed
    secrets: tuple[Literal["tmsp", "proxy"], ...]
    removed: tuple[Literal["tmsp", "proxy"], ...] = ()
    """Of `secrets`, those that are to be removed when this is saved."""
    kept_at: Moment
    tty: Claim = ""
