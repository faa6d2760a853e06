"""An agent whose answers a test decides: used where time or chance must be held (snapshots, races)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from screens.desk.agent import Connection
from tm_tui.api.agent import (
    ActivityLine,
    AgentStatus,
    Conflict,
    DiagnosticsText,
    Difference,
    HostKeyInfo,
    KeptDraft,
    LogServerStatus,
    ProbeReport,
    Refusal,
    ReportFailure,
    RevisionInfo,
    ServerState,
    SessionInfo,
    SettingsDocument,
    SpoolStatus,
    StatusServerStatus,
    StepEvent,
    TrustDocument,
)
from tm_tui.api.cases import CaseInfo, CasesDocument
from tm_tui.api.failures import AgentAbsent, ControlRefused, SaveConflict
from tm_tui.api.patterns import DeployerInfo, EndpointInfo, PatternInfo, PatternsDocument
from tm_tui.api.reports import ReportDocument, ReportInfo, ReportsDocument, ReportsStatus
from tm_tui.api.requests import (
    ApproveRequest,
    DraftRequest,
    ProbeRequest,
    ReadMarks,
    RestoreRequest,
    SaveRequest,
    SubmitRequest,
)
from tm_tui.api.spool import KindInfo, SendReply
from tm_tui.errors import TmError
from tm_tui.settings.model import Settings

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

FILLED: dict[str, Any] = {
    "schema": 1,
    "tmsp": {
        "enabled": True,
        "edition": "hosted",
        "username": "tm01-register",
        "email": "ops@example.com",
        "heartbeat_seconds": 300,
        "log_server": {"host": "logs.example.com", "protocol": "ssh", "port": 22, "interval": "1h"},
        "status_server": {"host": "status.example.com", "port": 443, "upload_kbps": 0, "download_kbps": 0},
    },
    "proxy": {"enabled": False, "type": "http", "host": "", "port": 8080, "username": ""},
    "trust": {"ca_file": ""},
    "console": {"idle_minutes": 15, "trial_minutes": 10},
}


def document(revision: int = 17, *, secrets: tuple[str, ...] = ("tmsp",), **tmsp: Any) -> SettingsDocument:
    """A saved revision; keyword arguments replace values of [tmsp]."""
    settings = {**FILLED, "tmsp": {**FILLED["tmsp"], **tmsp}}
    return SettingsDocument(
        revision=revision,
        settings=Settings.parse(settings).plain(),
        secrets_set=secrets,
        saved_at=NOON,
        saved_by="admin (ttyS0)",
    )


def empty_document() -> SettingsDocument:
    """A fresh appliance: nothing saved yet."""
    return SettingsDocument(revision=0, settings=Settings().plain())


def status(state: ServerState = ServerState.CONNECTED, revision: int = 17, **more: Any) -> AgentStatus:
    """A snapshot as of noon."""
    beats = {
        "registered_at": NOON,
        "beats_accepted": 412,
        "beats_missed": 0,
        "last_beat_at": NOON,
        "last_beat_age_seconds": 12.0,
        "next_beat_in_seconds": 288.0,
        "round_trip_ms": 14.2,
        "clock_skew_seconds": 0.1,
    }
    return AgentStatus(
        state=state,
        revision=revision,
        version="0.1.0",
        pid=4711,
        uptime_seconds=7500.0,
        taken_at=NOON,
        appliance="tm01",
        edition="hosted",
        status_server=StatusServerStatus(state=state, **(beats if state is ServerState.CONNECTED else {})),
        log_server=LogServerStatus(
            state=state,
            delivery="idle",
            last_delivery_at=NOON,
            last_delivery_age_seconds=130.0,
            next_delivery_in_seconds=3470.0,
        ),
        spool=SpoolStatus(
            events=3,
            bytes=1500,
            oldest_age_seconds=130.0,
            full_percent=1,
            limit_bytes=1 << 30,
            kinds=(
                KindInfo(kind="threat-event", events=2, bytes=1000, batches=1),
                KindInfo(kind="root-cause", events=1, bytes=500, batches=0),
            ),
        ),
        **more,
    )


STAGES = ("settings", "name", "proxy", "tcp", "host_key", "authentication", "service", "clock")


def passing(server: str) -> list[StepEvent]:
    """All steps of one server, passed."""
    events = []
    for stage in STAGES:
        name = f"{server}.{stage}"
        if stage == "proxy":
            events.append(StepEvent(step=name, outcome="skipped", detail="no proxy"))
            continue
        events.append(StepEvent(step=name, outcome="started"))
        events.append(StepEvent(step=name, outcome="passed", seconds=0.014, detail=f"{stage} is fine"))
    return events


PASSED = [*passing("log_server"), *passing("status_server"), ProbeReport(passed=True, seconds=1.2)]


def refused_password() -> list[StepEvent | ProbeReport]:
    """The log server refuses the password; the status server is fine."""
    cause = "The server refused this user name and password."
    remedy = 'Use the "registering products" account of the portal, not your logon.'
    step = "log_server.authentication"
    failed = StepEvent(
        step=step, outcome="failed", seconds=0.14, code="ssh-auth-refused", cause=cause, remedy=remedy
    )
    skipped = [StepEvent(step=f"log_server.{stage}", outcome="skipped") for stage in ("service", "clock")]
    before = [event for event in passing("log_server") if event.step.split(".")[1] in STAGES[:5]]
    report = ProbeReport(
        passed=False,
        failures=(ReportFailure(step=step, code="ssh-auth-refused", cause=cause, remedy=remedy),),
    )
    return [*before, failed, *skipped, *passing("status_server"), report]


def host_key_in_the_way(state: str = "unknown") -> list[StepEvent | ProbeReport]:
    """The log server shows a key that nobody approved."""
    key = HostKeyInfo(
        endpoint="[logs.example.com]:22",
        algorithm="ssh-ed25519",
        fingerprint="SHA256:uNiVztksCsDhcc0u9e8BrrJXVuNKLCYBpMIoQUJDnZc",
        state=state,
    )
    step = "log_server.host_key"
    code = f"host-key-{state}"
    failed = StepEvent(
        step=step,
        outcome="failed",
        seconds=0.08,
        code=code,
        cause="The key is not approved.",
        remedy="Approve it.",
        host_key=key,
    )
    before = [event for event in passing("log_server") if event.step.split(".")[1] in STAGES[:4]]
    failure = ReportFailure(step=step, code=code, cause="The key is not approved.", remedy="Approve it.")
    return [*before, failed, *passing("status_server"), ProbeReport(passed=False, failures=(failure,))]


class ScriptedAgent:
    """Holds one document; answers as its fields say."""

    def __init__(self, saved: SettingsDocument | None = None, role: str = "write") -> None:
        self.document = saved or document()
        self.role = role
        self.statuses: asyncio.Queue[AgentStatus | None] = asyncio.Queue()
        self.newest: AgentStatus | None = None
        """What was told last, which another console gets at once."""
        self.probes: list[list[StepEvent | ProbeReport]] = []
        self.requests: list[Any] = []
        self.conflict: Conflict | None = None
        self.alive = True
        self.refusal: TmError | None = None
        """What every call is answered with, while there is one."""
        self.hold = asyncio.Event()
        """Probes wait for this before their report."""
        self.hold.set()
        self.trusted = TrustDocument(ca_file="", authorities=(), host_keys=())
        self.activity: asyncio.Queue[ActivityLine | None] = asyncio.Queue()
        self.diagnosis: tuple[str, ...] | TmError = (
            "Appliance:      tm01, hosted edition",
            "Status server:  failing, last beat 12 s ago",
            "  Code:         tls-expired, in step tls, 4 in a row",
            "Waiting:        3 events, 1500 bytes, 1 % full",
        )
        self.sendings: list[SendReply | TmError] = []
        self.kept_reports: dict[int, tuple[ReportInfo, str]] = {}
        self.cases_held: list[CaseInfo] = []
        self.case_refusal: TmError | None = None
        self.saved: tuple[RevisionInfo, ...] = ()
        self.changes: dict[tuple[int, int], tuple[Difference, ...]] = {}
        self.kept: KeptDraft | None = None
        self.held_patterns = PatternsDocument(
            state="current", deploy="manual", deployer=DeployerInfo(ready=False)
        )
        self.edited: list[tuple[str, ...]] = []

    def connect(self) -> Any:
        """A way to this agent, as the app takes it."""

        @asynccontextmanager
        async def way() -> AsyncIterator[Connection]:
            self._alive()
            yield Connection(self, private=False)

        return way()

    def _alive(self) -> None:
        if not self.alive:
            raise AgentAbsent("No agent answers.")
        if self.refusal is not None:
            raise self.refusal

    async def session(self) -> SessionInfo:
        self._alive()
        return SessionInfo(user="admin", role=self.role)

    async def settings(self) -> SettingsDocument:
        self._alive()
        return self.document

    async def status_stream(self) -> AsyncGenerator[AgentStatus, None]:
        self._alive()
        if self.newest is not None and self.statuses.empty():
            yield self.newest
        while (snapshot := await self.statuses.get()) is not None:
            self.newest = snapshot
            yield snapshot
        raise AgentAbsent("The agent has ended.")

    async def save(self, request: SaveRequest, revision: int) -> SettingsDocument:
        self._alive()
        self.requests.append(request)
        if self.conflict is not None:
            conflict, self.conflict = self.conflict, None
            raise SaveConflict(conflict)
        names = {name for name, secret in request.secrets.by_name().items() if secret is not None}
        self.document = SettingsDocument(
            revision=revision + 1,
            settings=request.settings,
            secrets_set=tuple(sorted({*self.document.secrets_set, *names})),
            saved_at=NOON,
            saved_by="admin",
        )
        return self.document

    async def probe(self, request: ProbeRequest) -> AsyncGenerator[StepEvent | ProbeReport, None]:
        self._alive()
        self.requests.append(request)
        for event in self.probes.pop(0) if self.probes else PASSED:
            if isinstance(event, ProbeReport):
                await self.hold.wait()
            yield event

    async def trust(self) -> TrustDocument:
        self._alive()
        return self.trusted

    async def approve_host_key(self, request: ApproveRequest) -> TrustDocument:
        self._alive()
        self.requests.append(request)
        return self.trusted

    async def forget_host_key(self, endpoint: str) -> TrustDocument:
        self._alive()
        self.requests.append(("forget", endpoint))
        self.trusted = TrustDocument(ca_file="", authorities=(), host_keys=())
        return self.trusted

    async def patterns(self) -> PatternsDocument:
        """None was issued yet, if the test does not say otherwise."""
        return self.held_patterns

    async def submit_diagnostics(self) -> CaseInfo:
        self._alive()
        self.requests.append("bundle")
        return await self.submit_case(SubmitRequest(paths=("/inbox/bundle.tar.gz",), endpoint="tm01"))

    async def diagnostics_text(self) -> DiagnosticsText:
        if isinstance(self.diagnosis, TmError):
            raise self.diagnosis
        return DiagnosticsText(taken_at=NOON, lines=self.diagnosis)

    async def history(self) -> tuple[RevisionInfo, ...]:
        self._alive()
        return self.saved

    async def differences(self, old: int, new: int) -> tuple[Difference, ...]:
        self._alive()
        return self.changes.get((old, new), ())

    async def restore(
        self, number: int, revision: int, request: RestoreRequest | None = None
    ) -> SettingsDocument:
        self._alive()
        self.requests.append(("restore", number, revision, request))
        return document(revision + 1)

    async def confirm_trial(self, revision: int) -> SettingsDocument:
        self._alive()
        self.requests.append(("confirm", revision))
        return self.document

    async def end_trial(self, revision: int) -> SettingsDocument:
        self._alive()
        self.requests.append(("end", revision))
        return document(revision + 1)

    async def acknowledge_rollback(self) -> AgentStatus:
        self._alive()
        self.requests.append("seen")
        return status()

    async def editing(self, places: tuple[str, ...]) -> None:
        self._alive()
        self.edited.append(places)

    async def kept_draft(self) -> KeptDraft:
        self._alive()
        if self.kept is None:
            raise ControlRefused(404, Refusal(code="not-found", cause="Nothing is kept.", remedy=""))
        return self.kept

    async def keep_draft(self, request: DraftRequest) -> KeptDraft:
        self._alive()
        self.requests.append(request)
        return KeptDraft(revision=request.revision, typed=request.typed, secrets=(), kept_at=NOON)

    async def drop_draft(self) -> None:
        self._alive()
        self.kept = None

    async def send_logs(self) -> SendReply:
        self._alive()
        self.requests.append("send")
        return self._next_sending()

    async def sent(self, number: int) -> SendReply:
        self._alive()
        return self._next_sending()

    def _next_sending(self) -> SendReply:
        answer = (
            self.sendings.pop(0) if self.sendings else SendReply(number=1, done=True, batches=2, events=3)
        )
        if isinstance(answer, TmError):
            raise answer
        return answer

    async def reports(self) -> ReportsDocument:
        self._alive()
        found = tuple(info for info, _ in self.kept_reports.values())
        return ReportsDocument(status=ReportsStatus(), reports=found)

    async def report(self, number: int) -> ReportDocument:
        self._alive()
        info, text = self.kept_reports[number]
        return ReportDocument(info=info, text=text)

    async def mark_reports(self, marks: ReadMarks) -> ReportsDocument:
        self.requests.append(marks)
        for number in marks.numbers:
            info, text = self.kept_reports[number]
            self.kept_reports[number] = (ReportInfo(**{**info.fields(), "read": marks.read}), text)
        return await self.reports()

    async def cases(self) -> CasesDocument:
        self._alive()
        inbox = "/var/lib/tm-tui/cases/inbox"
        return CasesDocument(state="idle", inbox=inbox, inbox_files=2, cases=tuple(self.cases_held))

    async def submit_case(self, request: SubmitRequest) -> CaseInfo:
        self._alive()
        self.requests.append(request)
        if self.case_refusal is not None:
            raise self.case_refusal
        told = request.model_dump(include={"endpoint", "threat", "description", "form"})
        number = len(self.cases_held) + 1
        sizes = {"files": 0, "bytes": 0, "packed_bytes": 0, "sha256": ""}
        made = CaseInfo(
            number=number,
            state="packing",
            created_at=NOON,
            submitted_by="admin",
            sources=request.paths,
            **told,
            **sizes,
        )
        self.cases_held.insert(0, made)
        return made

    async def cancel_case(self, number: int) -> CaseInfo:
        self._alive()
        self.requests.append(("cancel", number))
        return next(case for case in self.cases_held if case.number == number)

    async def send_cases(self) -> CasesDocument:
        self.requests.append("send cases")
        return await self.cases()

    async def activity_stream(self) -> AsyncGenerator[ActivityLine, None]:
        self._alive()
        while (line := await self.activity.get()) is not None:
            yield line
        raise AgentAbsent("The agent has ended.")


_ROWS = (f"{n}. **actor-{n}** created `file-{n}` on till-07." for n in range(1, 60))
_REPORT = "\n".join(["# Report", "", *_ROWS])
_KEY = HostKeyInfo(
    endpoint="[logs.example.com]:22",
    algorithm="ssh-ed25519",
    fingerprint="SHA256:uNiVztksCsDhcc0u9e8BrrJXVuNKLCYBpMIoQUJDnZc",
    state="approved",
)


def _report(number: int) -> ReportInfo:
    words = {"id": f"tm01-{number}", "kind": "daily", "title": f"Report {number}"}
    times = {"made_at": NOON, "fetched_at": NOON}
    return ReportInfo(number=number, bytes=len(_REPORT), read=number % 2 == 0, **words, **times)


def _case(number: int) -> CaseInfo:
    sizes = {"files": 1, "bytes": 10, "packed_bytes": 9, "sha256": ""}
    told = {"endpoint": "till", "threat": "", "description": "", "form": "zip", "submitted_by": "admin"}
    return CaseInfo(number=number, state="waiting", created_at=NOON, sources=(), **sizes, **told)


def _pattern(number: int) -> PatternInfo:
    told = {"type": "bandage", "version": "1.0", "description": f"Removes WORM.{number}"}
    return PatternInfo(id=number, state="new", received_at=NOON, **told)


def _endpoint(name: str) -> EndpointInfo:
    return EndpointInfo(hostname=name, status="unsuccessful", threat="WORM.X", severity="high", since=NOON)


def fill(agent: ScriptedAgent) -> None:
    """Something to choose and to read on every page."""
    for number in range(1, 41):
        at, level = NOON - timedelta(minutes=60 - number), "info" if number % 7 else "warning"
        text = f"line {number} of till-{number % 5}"
        agent.activity.put_nowait(ActivityLine(at=at, level=level, text=text))
    agent.saved = tuple(
        RevisionInfo(revision=number, saved_at=NOON, saved_by="root", tty="pts/0")
        for number in range(17, 0, -1)
    )
    change = Difference(field="tmsp.email", old="a@example.com", new="ops@example.com")
    agent.changes = {(old, new): (change,) for new in range(18) for old in range(18)}
    agent.kept_reports = {number: (_report(number), _REPORT) for number in range(1, 26)}
    agent.cases_held = [_case(number) for number in (3, 2, 1)]
    agent.trusted = TrustDocument(ca_file="", authorities=(), host_keys=(_KEY,))
    agent.held_patterns = PatternsDocument(
        state="current",
        deploy="manual",
        deployer=DeployerInfo(ready=True),
        patterns=tuple(_pattern(number) for number in range(1, 9)),
        unresolved=tuple(_endpoint(f"till-{number}") for number in range(1, 9)),
    )
