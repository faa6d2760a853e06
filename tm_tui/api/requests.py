"""Bodies of requests at the control socket, judged by pydantic: a person wrote what is in them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from tm_tui.api.cases import CaseForm
from tm_tui.text import SafeText
from tm_tui.values import Count

__all__ = [
    "ApproveRequest",
    "DeployRequest",
    "DraftRequest",
    "EditingRequest",
    "ProbeRequest",
    "ReadMarks",
    "Request",
    "RestoreRequest",
    "SaveRequest",
    "SecretChanges",
    "SubmitRequest",
    "TrialRequest",
]

_MOST_PLACES = 20

Typed = Annotated[dict[SafeText, Annotated[str, Field(max_length=4096)] | bool], Field(max_length=200)]
"""Values by their keys, as they were typed: they need not be right, and fields show them safely."""


class Request(BaseModel):
    """A body. Unknown keys are refused, errors never repeat the input."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    def secret_changes(self) -> "SecretChanges | None":
        """The passwords that go with it, if it is one that may have some."""
        return getattr(self, "secrets", None)


class TrialRequest(Request):
    """Saves on trial. Without minutes the settings' own `console.trial_minutes` count."""

    minutes: int | None = Field(None, ge=1, le=120)


class SecretChanges(Request):
    """Passwords going in; they never come out. None: unchanged; empty: removed.

    `kept` names those that were typed before a logout: the agent has them still.
    """

    tmsp: SecretStr | None = None
    proxy: SecretStr | None = None
    kept: tuple[Literal["tmsp", "proxy"], ...] = ()

    def by_name(self) -> dict[str, SecretStr | None]:
        """As `Secrets.changed` takes them."""
        return {"tmsp": self.tmsp, "proxy": self.proxy}


class SaveRequest(Request):
    """The body of PUT /v1/settings, with `If-Match: <revision>`."""

    settings: dict[str, Any]
    secrets: SecretChanges = SecretChanges()
    note: SafeText = ""
    trial: TrialRequest | None = None
    """Take it back by itself unless it is confirmed in time."""


class RestoreRequest(Request):
    """The body of POST /v1/history/N/restore, which may be empty."""

    note: SafeText = ""
    trial: TrialRequest | None = None


class ProbeRequest(Request):
    """The body of POST /v1/probe. Without settings the saved ones are tested; None secrets are the saved."""

    settings: dict[str, Any] | None = None
    secrets: SecretChanges = SecretChanges()


class ApproveRequest(Request):
    """The body of POST /v1/trust/host-keys. The agent fetches the key and keeps it only if it is this one.

    `settings` and `secrets` are the form's unsaved values, for the proxy on the way.
    """

    endpoint: str
    fingerprint: str
    settings: dict[str, Any] | None = None
    secrets: SecretChanges = SecretChanges()


class EditingRequest(Request):
    """The body of PUT /v1/session/editing."""

    id: str = Field(max_length=64)
    editing: tuple[SafeText, ...] = Field((), max_length=_MOST_PLACES)


class DraftRequest(Request):
    """The body of PUT /v1/draft: what is typed and not saved, as the console logs out.

    `kept` in `secrets` refers to passwords that the agent keeps from before.
    """

    revision: Count
    typed: Typed = Field({})
    secrets: SecretChanges = SecretChanges()


class SubmitRequest(Request):
    """The body of POST /v1/cases. Without paths the inbox is submitted.

    A path is absolute, or a file URI (RFC 8089), which can name a file whose name is no UTF-8.
    """

    paths: tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...] = Field(
        default=(), max_length=100
    )
    endpoint: str
    threat: str = ""
    description: str = ""
    form: CaseForm = "tar.zst"


class DeployRequest(Request):
    """The body of POST /v1/patterns/deployments: endpoints by host name, or all `unresolved` ones.

    `cleanup` runs custom cleanup again: at named endpoints, at all where the pattern was `deployed`, or at
    those of them that are `unresolved`.
    """

    action: Literal["deploy", "cleanup"] = "deploy"
    pattern: Annotated[int, Field(ge=1, le=999_999_999)]
    endpoints: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(max_length=1000)
    ] = ()
    unresolved: bool = False
    deployed: bool = False


class ReadMarks(Request):
    """The body of POST /v1/reports/read: these numbers become read, or unread again."""

    numbers: tuple[Count, ...] = Field(min_length=1, max_length=1000)
    read: bool = True
