"""What travels over the control socket: frozen shapes that the agent and its clients share."""

from enum import StrEnum
from typing import Any, Literal

from tm_tui.api.cases import CasesStatus
from tm_tui.api.past import LastDay
from tm_tui.api.patterns import PatternsStatus
from tm_tui.api.reports import ReportsStatus
from tm_tui.api.sessions import (
    Claim,
    KeptDraft,
    RollbackInfo,
    SessionEntry,
    SessionInfo,
    TrialEnd,
    TrialInfo,
)
from tm_tui.api.shapes import LastFailure, PortalInfo, Shape
from tm_tui.api.spool import DeliveryState, KindInfo, ProgressInfo
from tm_tui.api.trust import CertificateInfo, HostKeyInfo, ServerIdentity, TrustDocument
from tm_tui.text import SafeText
from tm_tui.values import Count, Moment, Number

__all__ = [
    "ActivityLine",
    "AgentStatus",
    "CertificateInfo",
    "Conflict",
    "DiagnosticsText",
    "Difference",
    "HostKeyInfo",
    "KeptDraft",
    "LastFailure",
    "LogServerStatus",
    "ProbeReport",
    "ProblemInfo",
    "Refusal",
    "ReportFailure",
    "ReportsStatus",
    "RevisionInfo",
    "RollbackInfo",
    "ServerIdentity",
    "ServerState",
    "SessionEntry",
    "SessionInfo",
    "SettingsDocument",
    "Shape",
    "SpoolStatus",
    "StatusServerStatus",
    "StepEvent",
    "TrialEnd",
    "TrialInfo",
    "TrustDocument",
]


class ServerState(StrEnum):
    """How a server stands, in one word."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    FAILING = "failing"
    DISABLED = "disabled"
    UNREGISTERED = "unregistered"


class StatusServerStatus(Shape, kw_only=True):
    """Registration and heartbeats. Ages and waits are seconds at the moment of the snapshot."""

    state: ServerState
    registered_at: Moment | None = None
    """By the portal's clock. It outlives restarts and switching off, until the portal says otherwise."""
    switched_off_at: Moment | None = None
    """Set while sending to TMSP is switched off that was on before, with who did it."""
    switched_off_by: SafeText = ""
    removed_at: Moment | None = None
    """When the portal's operator removed the appliance, which stays so until its settings are saved."""
    portal: PortalInfo | None = None
    """None: it says nothing of itself, or has not answered yet."""
    beats_accepted: Count = 0
    beats_missed: Count = 0
    last_beat_at: Moment | None = None
    last_beat_age_seconds: Number | None = None
    next_beat_in_seconds: Number | None = None
    round_trip_ms: Number | None = None
    clock_skew_seconds: Number | None = None
    """The appliance's clock minus the server's; positive: the appliance is ahead."""
    last_failure: LastFailure | None = None


class LogServerStatus(Shape, kw_only=True):
    """Delivery of logs. `state` is connecting until the first delivery or check."""

    state: ServerState
    delivery: DeliveryState = "disabled"
    """What delivery does now; `paused` ends with new settings, POST /v1/spool/send, a beat, an hour."""
    progress: ProgressInfo | None = None
    last_delivery_at: Moment | None = None
    last_delivery_age_seconds: Number | None = None
    next_delivery_in_seconds: Number | None = None
    last_failure: LastFailure | None = None


class SpoolStatus(Shape, kw_only=True):
    """What is accepted and not yet delivered."""

    events: Count = 0
    bytes: Count = 0
    oldest_age_seconds: Number | None = None
    full_percent: Count = 0
    limit_bytes: Count = 0
    limit_age_seconds: Number = 0.0
    kinds: tuple[KindInfo, ...] = ()


class AgentStatus(Shape, kw_only=True):
    """One frozen snapshot of the agent: everything the status panel and `tm-tui status` show."""

    state: ServerState
    revision: Count
    version: SafeText
    pid: Count
    uptime_seconds: Number
    taken_at: Moment
    appliance: SafeText
    """The name under which this appliance is registered."""
    edition: Literal["hosted", "on-premise"]
    status_server: StatusServerStatus
    log_server: LogServerStatus
    spool: SpoolStatus = SpoolStatus()
    trial: TrialInfo | None = None
    """What is in force on trial only."""
    trial_ended: TrialEnd | None = None
    """How the last trial ended, since the agent began."""
    rollback: RollbackInfo | None = None
    """A trial that was taken back by itself, and nobody who may write has seen it yet."""
    sessions: tuple[SessionEntry, ...] = ()
    """The consoles that are on, the longest first."""
    patterns: PatternsStatus = PatternsStatus()
    reports: ReportsStatus = ReportsStatus()
    cases: CasesStatus = CasesStatus()
    last_day: LastDay = LastDay()
    alerts: tuple[SafeText, ...] = ()
    """What an admin must know now, a sentence each: a damaged revision, what being disabled means."""


class ActivityLine(Shape, kw_only=True):
    """One thing that the agent did or met, as its journal has it."""

    at: Moment
    level: Literal["info", "warning", "error"]
    text: SafeText


class SettingsDocument(Shape, kw_only=True):
    """One revision as its readers may see it. `secrets_set` names the passwords that exist: tmsp, proxy."""

    revision: Count
    settings: dict[str, Any]
    secrets_set: tuple[SafeText, ...] = ()
    saved_at: Moment | None = None
    saved_by: SafeText = ""
    note: SafeText = ""
    tty: Claim = ""
    ssh_from: Claim = ""
    """With `tty` what the client said of itself; `saved_by` is the kernel's word."""


class Difference(Shape, kw_only=True):
    """One field that differs between two revisions. Secrets show as words only: set, changed, removed."""

    field: SafeText
    old: SafeText
    new: SafeText


class Conflict(Shape, kw_only=True):
    """The body of a 412: somebody else saved since. `changes` lead from the given revision to `current`."""

    current: SettingsDocument
    changes: tuple[Difference, ...]


class ProblemInfo(Shape, kw_only=True):
    """One field's problem (tm_tui.errors.Problem)."""

    field: SafeText
    cause: SafeText
    remedy: SafeText


class Refusal(Shape, kw_only=True):
    """The body of every other answer that is no success. `code` is a stable word."""

    code: SafeText
    cause: SafeText
    remedy: SafeText
    problems: tuple[ProblemInfo, ...] = ()


class StepEvent(Shape, kw_only=True):
    """One line of a probe. `step` is SERVER.STAGE.

    SERVER: log_server, status_server; STAGE: settings name proxy tcp tls host_key authentication
    service clock.
    """

    step: SafeText
    outcome: Literal["started", "passed", "failed", "skipped"]
    seconds: Number = 0.0
    detail: SafeText = ""
    code: SafeText | None = None
    cause: SafeText | None = None
    remedy: SafeText | None = None
    host_key: HostKeyInfo | None = None
    """Set where the server showed a host key: on an unknown or changed one, the admin decides about it."""


class ReportFailure(Shape, kw_only=True):
    """A failed step, as the report repeats it."""

    step: SafeText
    code: SafeText
    cause: SafeText
    remedy: SafeText


class ProbeReport(Shape, kw_only=True):
    """The end of a probe."""

    passed: bool
    failures: tuple[ReportFailure, ...] = ()
    seconds: Number = 0.0


class DiagnosticsText(Shape, kw_only=True):
    """How the appliance stands in a dozen short lines, to be read out on the phone or copied."""

    taken_at: Moment
    lines: tuple[SafeText, ...]


class RevisionInfo(Shape, kw_only=True):
    """One entry of the history."""

    revision: Count
    saved_at: Moment | None
    """None: it cannot be read, and `problem` says why."""
    saved_by: SafeText
    note: SafeText = ""
    tty: Claim = ""
    ssh_from: Claim = ""
    """With `tty` what the client said of itself; `saved_by` is the kernel's word."""
    kind: Literal["save", "trial", "restore", "rollback"] = "save"
    of: Count | None = None
    """The older revision whose settings these are."""
    outcome: Literal["running", "confirmed", "rolled-back", "interrupted"] | None = None
    """How a trial ended; interrupted: the agent was killed before it was in force."""
    confirmed_by: SafeText = ""
    problem: SafeText = ""
