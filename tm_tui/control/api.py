"""What travels over the control socket: frozen shapes that the agent and its clients share."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import SecretStr

from tm_tui.control.cases_api import CasesStatus
from tm_tui.control.patterns_api import PatternsStatus
from tm_tui.control.reports_api import ReportsStatus
from tm_tui.control.shapes import LastFailure, Shape
from tm_tui.control.spool_api import DeliveryState, KindInfo, ProgressInfo
from tm_tui.text import SafeText

__all__ = [
    "ActivityLine",
    "AgentStatus",
    "ApproveRequest",
    "Conflict",
    "Difference",
    "HostKeyInfo",
    "LastFailure",
    "LogServerStatus",
    "ProbeReport",
    "ProbeRequest",
    "ProblemInfo",
    "Refusal",
    "ReportFailure",
    "ReportsStatus",
    "RevisionInfo",
    "SaveRequest",
    "SecretChanges",
    "ServerState",
    "SessionInfo",
    "SettingsDocument",
    "Shape",
    "SpoolStatus",
    "StatusServerStatus",
    "StepEvent",
    "TrustDocument",
]


class ServerState(StrEnum):
    """How a server stands, in one word."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    FAILING = "failing"
    DISABLED = "disabled"
    UNREGISTERED = "unregistered"


class StatusServerStatus(Shape):
    """Registration and heartbeats. Ages and waits are seconds at the moment of the snapshot."""

    state: ServerState
    registered_at: datetime | None = None
    beats_accepted: int = 0
    beats_missed: int = 0
    last_beat_at: datetime | None = None
    last_beat_age_seconds: float | None = None
    next_beat_in_seconds: float | None = None
    round_trip_ms: float | None = None
    clock_skew_seconds: float | None = None
    """The appliance's clock minus the server's; positive: the appliance is ahead."""
    last_failure: LastFailure | None = None


class LogServerStatus(Shape):
    """Delivery of logs. `state` is connecting until the first delivery or check."""

    state: ServerState
    delivery: DeliveryState = "disabled"
    """What delivery does now; `paused` ends with new settings or POST /v1/spool/send."""
    progress: ProgressInfo | None = None
    last_delivery_at: datetime | None = None
    last_delivery_age_seconds: float | None = None
    next_delivery_in_seconds: float | None = None
    last_failure: LastFailure | None = None


class SpoolStatus(Shape):
    """What is accepted and not yet delivered."""

    events: int = 0
    bytes: int = 0
    oldest_age_seconds: float | None = None
    full_percent: int = 0
    limit_bytes: int = 0
    limit_age_seconds: float = 0.0
    kinds: tuple[KindInfo, ...] = ()


class AgentStatus(Shape):
    """One frozen snapshot of the agent: everything the status panel and `tm-tui status` show."""

    state: ServerState
    revision: int
    version: str
    pid: int
    uptime_seconds: float
    taken_at: datetime
    appliance: SafeText
    """The name under which this appliance is registered."""
    edition: Literal["hosted", "on-premise"]
    status_server: StatusServerStatus
    log_server: LogServerStatus
    spool: SpoolStatus = SpoolStatus()
    patterns: PatternsStatus = PatternsStatus()
    reports: ReportsStatus = ReportsStatus()
    cases: CasesStatus = CasesStatus()
    alerts: tuple[SafeText, ...] = ()
    """What an admin must know now, a sentence each: a damaged revision, what being disabled means."""


class ActivityLine(Shape):
    """One thing that the agent did or met, as its journal has it."""

    at: datetime
    level: Literal["info", "warning", "error"]
    text: SafeText


class SecretChanges(Shape):
    """Passwords going in; they never come out. None: unchanged; empty: removed."""

    tmsp: SecretStr | None = None
    proxy: SecretStr | None = None

    def by_name(self) -> dict[str, SecretStr | None]:
        """As `Secrets.changed` takes them."""
        return {"tmsp": self.tmsp, "proxy": self.proxy}


class SettingsDocument(Shape):
    """One revision as its readers may see it. `secrets_set` names the passwords that exist: tmsp, proxy."""

    revision: int
    settings: dict[str, Any]
    secrets_set: tuple[str, ...] = ()
    saved_at: datetime | None = None
    saved_by: SafeText = ""
    note: SafeText = ""


class SaveRequest(Shape):
    """The body of PUT /v1/settings, with `If-Match: <revision>`."""

    settings: dict[str, Any]
    secrets: SecretChanges = SecretChanges()
    note: SafeText = ""


class Difference(Shape):
    """One field that differs between two revisions. Secrets show as words only: set, changed, removed."""

    field: str
    old: SafeText
    new: SafeText


class Conflict(Shape):
    """The body of a 412: somebody else saved since. `changes` lead from the given revision to `current`."""

    current: SettingsDocument
    changes: tuple[Difference, ...]


class ProblemInfo(Shape):
    """One field's problem (tm_tui.errors.Problem)."""

    field: SafeText
    cause: SafeText
    remedy: SafeText


class Refusal(Shape):
    """The body of every other answer that is no success. `code` is a stable word."""

    code: str
    cause: SafeText
    remedy: SafeText
    problems: tuple[ProblemInfo, ...] = ()


class ProbeRequest(Shape):
    """The body of POST /v1/probe. Without settings the saved ones are tested; None secrets are the saved."""

    settings: dict[str, Any] | None = None
    secrets: SecretChanges = SecretChanges()


class HostKeyInfo(Shape):
    """A host key to look at. `endpoint` is `[host]:port`, `fingerprint` is `SHA256:...`."""

    endpoint: SafeText
    algorithm: SafeText
    fingerprint: SafeText
    state: Literal["approved", "unknown", "changed", "new-type"]


class StepEvent(Shape):
    """One line of a probe. `step` is SERVER.STAGE.

    SERVER: log_server, status_server; STAGE: settings name proxy tcp tls host_key authentication
    service clock.
    """

    step: str
    outcome: Literal["started", "passed", "failed", "skipped"]
    seconds: float = 0.0
    detail: SafeText = ""
    code: str | None = None
    cause: SafeText | None = None
    remedy: SafeText | None = None
    host_key: HostKeyInfo | None = None
    """Set where the server showed a host key: on an unknown or changed one, the admin decides about it."""


class ReportFailure(Shape):
    """A failed step, as the report repeats it."""

    step: str
    code: str
    cause: SafeText
    remedy: SafeText


class ProbeReport(Shape):
    """The end of a probe."""

    passed: bool
    failures: tuple[ReportFailure, ...] = ()
    seconds: float = 0.0


class TrustDocument(Shape):
    """Whom the appliance trusts beside the system's authorities."""

    ca_file: SafeText
    authorities: tuple[SafeText, ...]
    """One line an authority of the CA file: subject, expiry, SHA-256 fingerprint."""
    host_keys: tuple[HostKeyInfo, ...]


class ApproveRequest(Shape):
    """The body of POST /v1/trust/host-keys. The agent fetches the key and keeps it only if it is this one.

    `settings` and `secrets` are the form's unsaved values, for the proxy on the way.
    """

    endpoint: str
    fingerprint: str
    settings: dict[str, Any] | None = None
    secrets: SecretChanges = SecretChanges()


class SessionInfo(Shape):
    """Who is asking, as the kernel says, and what the role permits."""

    user: SafeText
    role: Literal["write", "read"]


class RevisionInfo(Shape):
    """One entry of the history."""

    revision: int
    saved_at: datetime
    saved_by: SafeText
    note: SafeText = ""
