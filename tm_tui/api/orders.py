"""The calls of the control socket that have a body of JSON, and the list of all calls (see `calls.py`)."""

from typing import Any, Final

from tm_tui.api import calls
from tm_tui.api.agent import KeptDraft, ProbeReport, SessionInfo, SettingsDocument, TrustDocument
from tm_tui.api.call import Call, Order
from tm_tui.api.cases import CaseInfo
from tm_tui.api.patterns import DeploymentInfo
from tm_tui.api.reports import ReportsDocument
from tm_tui.api.requests import (
    ApproveRequest,
    DeployRequest,
    DraftRequest,
    EditingRequest,
    ProbeRequest,
    ReadMarks,
    RestoreRequest,
    SaveRequest,
    SubmitRequest,
)

EDITING: Final = Order(
    "PUT",
    "/v1/session/editing",
    SessionInfo,
    "says on which screens this console has something unsaved",
    body=EditingRequest,
)
SAVE: Final = Order(
    "PUT",
    "/v1/settings",
    SettingsDocument,
    "saves; the answer is the new revision. With `trial` it is on trial, see below",
    if_match=True,
    body=SaveRequest,
)
KEEP_DRAFT: Final = Order(
    "PUT",
    "/v1/draft",
    KeptDraft,
    "keeps it for this user, in memory, until the agent ends",
    body=DraftRequest,
)
PROBE: Final = Order(
    "POST",
    "/v1/probe",
    ProbeReport,
    "a connection test: each step (`StepEvent`), last the report. Hanging up cancels",
    events="step, report",
    body=ProbeRequest,
)
APPROVE: Final = Order(
    "POST",
    "/v1/trust/host-keys",
    TrustDocument,
    "the agent fetches the key and keeps it only if it is this one",
    costs="remote",
    body=ApproveRequest,
)
RESTORE: Final = Order(
    "POST",
    "/v1/history/{number:number}/restore",
    SettingsDocument,
    "saves that revision again, passwords included. The body, with note and trial, may be left out",
    if_match=True,
    body=RestoreRequest,
    empty=RestoreRequest(),
)
DEPLOY: Final = Order(
    "POST",
    "/v1/patterns/deployments",
    DeploymentInfo,
    "deploys to endpoints by host name, or to all `unresolved` ones; `action` `cleanup` runs custom cleanup"
    " again instead, at named endpoints, where the pattern was `deployed`, or at those of them that are"
    " `unresolved` (409 `no-such-pattern`, `not-deployed`, `no-endpoints`, `too-many-deployments`,"
    " `deployer-missing`, `deployer-unusable`: docs/deployer.md)",
    status=202,
    body=DeployRequest,
)
MARK_REPORTS: Final = Order(
    "POST",
    "/v1/reports/read",
    ReportsDocument,
    "marks them as read, or unread again. Reading itself changes no mark, so a viewer's leaves them alone",
    body=ReadMarks,
)
SUBMIT_CASE: Final = Order(
    "POST",
    "/v1/cases",
    CaseInfo,
    "a case to be packed. A path is absolute, or a `file:///` URI (RFC 8089) with `%` and two hex digits"
    " for bytes that are no UTF-8. Without paths the inbox is meant; 422 names what cannot be read",
    status=202,
    costs="disk",
    body=SubmitRequest,
)

_FOUND = [one for one in (*vars(calls).values(), *list(globals().values())) if isinstance(one, Call)]
CALLS: Final[tuple[Call[Any], ...]] = tuple(
    sorted(_FOUND, key=lambda call: next(n for n, one in enumerate(_FOUND) if one.subject == call.subject))
)
"""All of them, those of one subject together: the order of docs/control.md."""
