"""The calls of the control socket, declared once: client, routes, roles, turns and docs/control.md follow.

Here are those without a body of JSON, light to import; `orders.py` has the others. A new call is told in
three places: its declaration, with its words; the client's method; `agent/server/routes`.
"""

from typing import Final

from tm_tui.api.agent import (
    ActivityLine,
    AgentStatus,
    DiagnosticsText,
    Difference,
    KeptDraft,
    RevisionInfo,
    SessionInfo,
    SettingsDocument,
    TrustDocument,
)
from tm_tui.api.call import Call
from tm_tui.api.cases import CaseInfo, CasesDocument
from tm_tui.api.patterns import DeploymentInfo, PatternsDocument, RootForgotten
from tm_tui.api.reports import ReportDocument, ReportsDocument
from tm_tui.api.spool import IntakeReply, SendReply, SpoolDocument

SESSION: Final = Call(
    "GET", "/v1/session", SessionInfo, "user and role of who asks, and what it told of itself"
)
STATUS: Final = Call("GET", "/v1/status", AgentStatus, "the snapshot of this moment")
STATUS_STREAM: Final = Call(
    "GET",
    "/v1/status/stream",
    AgentStatus,
    "the snapshot now and at each change; a comment line each 15 s. With the header `Tm-Tui-Session: ID`"
    " the reader is a console: it is in `sessions` of the status for as long as the stream lasts",
    events="status",
)
SETTINGS: Final = Call(
    "GET", "/v1/settings", SettingsDocument, "the settings in force; of passwords only which are set"
)
CONFIRM_TRIAL: Final = Call(
    "POST", "/v1/trial/confirm", SettingsDocument, "keeps the revision that is on trial", if_match=True
)
END_TRIAL: Final = Call(
    "POST",
    "/v1/trial/rollback",
    SettingsDocument,
    "takes it back at once; the answer is the revision that has the settings before it",
    if_match=True,
)
ACKNOWLEDGE: Final = Call(
    "POST", "/v1/trial/acknowledge", AgentStatus, "a rollback that came by itself has been seen"
)
DRAFT: Final = Call("GET", "/v1/draft", KeptDraft, "what the same user had typed when a console logged out")
DROP_DRAFT: Final = Call("DELETE", "/v1/draft", SessionInfo, "gives it up")
TRUST: Final = Call(
    "GET", "/v1/trust", TrustDocument, "authorities of the CA file, approved host keys", costs="disk"
)
FORGET: Final = Call(
    "DELETE",
    "/v1/trust/host-keys",
    TrustDocument,
    "with `?endpoint=[host]:port`: forgets the keys of a server",
)
HISTORY: Final = Call(
    "GET", "/v1/history", tuple[RevisionInfo, ...], "the revisions, newest first", costs="disk"
)
REVISION: Final = Call("GET", "/v1/history/{number:number}", SettingsDocument, "one revision", costs="disk")
DIFFERENCES: Final = Call(
    "GET",
    "/v1/history/{old:number}/diff/{new:number}",
    tuple[Difference, ...],
    "what leads from OLD to NEW",
    costs="disk",
)
ADD_EVENTS: Final = Call(
    "POST",
    "/v1/events",
    IntakeReply,
    "body NDJSON, streamed, of any length; how many events are on the disk now, and why not the others, by"
    " line. An id that is known already counts as accepted and is kept once. Once one event was accepted the"
    " answer is 200, also where the disk fails or the queue is full after it: `not_taken_from` is then the"
    " first line to repeat",
)
SPOOL: Final = Call(
    "GET",
    "/v1/spool",
    SpoolDocument,
    "what waits, the sealed batches, how delivery stands. With `?format=ndjson`, `cef`, `leef` or `csv`:"
    " the events that wait, as text",
    costs="long",
    free="",
)
SEND_LOGS: Final = Call(
    "POST",
    "/v1/spool/send",
    SendReply,
    "seals and delivers now, also when paused; the answer has its `number` and is not `done`",
    status=202,
)
SENT: Final = Call(
    "GET",
    "/v1/spool/send/{number:number}",
    SendReply,
    "waits for the end of that sending, 25 s at most; not `done`: ask again",
)
PATTERNS: Final = Call(
    "GET",
    "/v1/patterns",
    PatternsDocument,
    "the custom patterns that are here or were refused, the endpoints that threat events name as unresolved"
    " (what is accepted is sealed for that, at most each 15 s), the last deployments",
    costs="disk",
)
CHECK_PATTERNS: Final = Call(
    "POST",
    "/v1/patterns/check",
    PatternsDocument,
    "looks for new patterns at the portal; `checks` grows when that has ended (409 `disabled` while sending"
    " to TMSP is switched off)",
    status=202,
)
DEPLOYMENT: Final = Call(
    "GET",
    "/v1/patterns/deployments/{number:number}",
    DeploymentInfo,
    "the result of each endpoint; `?wait=1` waits for its end, 25 s at most; not `done`: ask again",
)
FORGET_ROOT: Final = Call(
    "DELETE",
    "/v1/patterns/root",
    RootForgotten,
    "forgets by which keys patterns are verified: those that the portal names next are trusted",
)
REPORTS: Final = Call(
    "GET",
    "/v1/reports",
    ReportsDocument,
    "the reports that were fetched, the newest first, and how that stands",
)
REPORT: Final = Call(
    "GET",
    "/v1/reports/{number:number}",
    ReportDocument,
    "one of them with its Markdown. NUMBER is the appliance's own, not the portal's id",
    costs="disk",
)
CASES: Final = Call(
    "GET",
    "/v1/cases",
    CasesDocument,
    "state of the uploads, inbox, cases with what became of them, the newest first",
    costs="disk",
)
CASE: Final = Call("GET", "/v1/cases/{number:number}", CaseInfo, "one case")
CANCEL_CASE: Final = Call(
    "DELETE",
    "/v1/cases/{number:number}",
    CaseInfo,
    "cancels it: the packed file goes, the portal is told; 409 when the portal has it whole",
    status=202,
)
SEND_CASES: Final = Call(
    "POST",
    "/v1/cases/send",
    CasesDocument,
    "tries again at once what waits, also when paused; 409 while sending is switched off",
)
SUBMIT_DIAGNOSTICS: Final = Call(
    "POST",
    "/v1/diagnostics/case",
    CaseInfo,
    "submits the bundle for support as a case about this appliance; it goes to TMSP as any case does",
    status=202,
    costs="disk",
)
ACTIVITY: Final = Call(
    "GET",
    "/v1/activity",
    tuple[ActivityLine, ...],
    "the last 500 things that the agent did or met, the oldest first",
)
ACTIVITY_STREAM: Final = Call(
    "GET",
    "/v1/activity/stream",
    ActivityLine,
    "those lines, then each new one; a comment line each 15 s",
    events="line",
)
DIAGNOSTICS: Final = Call(
    "GET",
    "/v1/diagnostics",
    DiagnosticsText,
    "the bundle for support, a `tar.gz` without passwords. With `?format=text`: a dozen lines to read out",
    costs="disk",
    free="text",
)
