"""What the control socket says of cases: frozen shapes, beside those of api/agent.py."""

from typing import Annotated, Literal

from tm_tui.api.shapes import LastFailure, Shape, Unreadable
from tm_tui.text import SafeText
from tm_tui.values import Bounds, Count, Moment, Number

__all__ = [
    "CaseForm",
    "CaseInfo",
    "CaseProgress",
    "CaseState",
    "CasesDocument",
    "CasesStatus",
    "UploadsState",
]

CaseForm = Literal["tar.zst", "zip"]
CaseState = Literal["packing", "waiting", "sending", "submitted", "cancelled", "failed"]
UploadsState = Literal["disabled", "idle", "sending", "retrying", "paused"]


class CaseProgress(Shape, kw_only=True):
    """The upload under way, or what is being packed. Bytes count what has left this appliance."""

    number: Count
    phase: Literal["packing", "sending"]
    done_bytes: Count
    bytes: Count | None = None
    """None while packing: nobody knows before the end."""
    bytes_per_second: Number | None = None
    seconds_left: Number | None = None


class CasesStatus(Shape, kw_only=True):
    """The part of the snapshot. `changes` grows whenever the list of cases looks different."""

    state: UploadsState = "disabled"
    waiting: Count = 0
    """Cases that are packed or being packed and not yet at the portal."""
    changes: Count = 0
    progress: CaseProgress | None = None
    last_failure: LastFailure | None = None
    next_try_in_seconds: Number | None = None


class CaseInfo(Shape, kw_only=True):
    """One case. `case_id` is empty and `status` is none until the portal has told them."""

    number: Count
    """The appliance's own count, before and beside the Case ID."""
    state: CaseState
    created_at: Moment
    submitted_by: SafeText
    sources: tuple[SafeText, ...]
    form: CaseForm
    endpoint: SafeText
    threat: SafeText
    description: SafeText
    files: Count
    bytes: Count
    packed_bytes: Count
    sha256: SafeText
    notes: tuple[SafeText, ...] = ()
    """What was left out, or changed while it was packed."""
    notes_more: Count = 0
    case_id: SafeText = ""
    status: Literal["new-case-received", "administrator-notified", "sample-downloaded"] | None = None
    received_at: Moment | None = None
    updated_at: Moment | None = None
    pattern_id: SafeText = ""
    progress: CaseProgress | None = None
    last_failure: LastFailure | None = None
    next_try_in_seconds: Number | None = None


class CasesDocument(Shape, kw_only=True):
    """The answer to GET /v1/cases, the newest case first; at most 200."""

    state: UploadsState
    inbox: SafeText
    inbox_files: Count
    cases: Annotated[tuple[CaseInfo, ...], Bounds(0, 200)]
    unreadable: Annotated[tuple[Unreadable, ...], Bounds(0, 1000)] = ()
