"""What the face needs of an agent: tm_tui.api.client.ControlClient is one, a scripted one can be."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from tm_tui.api.agent import (
        ActivityLine,
        AgentStatus,
        DiagnosticsText,
        Difference,
        KeptDraft,
        ProbeReport,
        RevisionInfo,
        SessionInfo,
        SettingsDocument,
        StepEvent,
        TrustDocument,
    )
    from tm_tui.api.cases import CaseInfo, CasesDocument
    from tm_tui.api.patterns import DeploymentInfo, PatternsDocument
    from tm_tui.api.reports import ReportDocument, ReportsDocument
    from tm_tui.api.requests import (
        ApproveRequest,
        DeployRequest,
        DraftRequest,
        ProbeRequest,
        ReadMarks,
        RestoreRequest,
        SaveRequest,
        SubmitRequest,
    )
    from tm_tui.api.spool import SendReply

__all__ = ["Agent", "Connect", "Connection"]


class Agent(Protocol):
    """The calls; each raises a TmError when the agent is absent or refuses."""

    async def session(self) -> "SessionInfo":
        """Who we are to it."""
        ...

    def status_stream(self) -> AsyncGenerator["AgentStatus", None]:
        """Yield a snapshot now and at each change."""
        ...

    async def settings(self) -> "SettingsDocument":
        """What is saved."""
        ...

    async def save(self, request: "SaveRequest", revision: int) -> "SettingsDocument":
        """Save on top of a revision."""
        ...

    def probe(self, request: "ProbeRequest") -> AsyncGenerator["StepEvent | ProbeReport", None]:
        """Test; closing the generator cancels."""
        ...

    async def trust(self) -> "TrustDocument":
        """Whom it trusts."""
        ...

    async def approve_host_key(self, request: "ApproveRequest") -> "TrustDocument":
        """Trust this key."""
        ...

    async def forget_host_key(self, endpoint: str) -> "TrustDocument":
        """Trust the keys of `[host]:port` no longer."""
        ...

    async def diagnostics_text(self) -> "DiagnosticsText":
        """How the appliance stands, to be read out."""
        ...

    async def history(self) -> "tuple[RevisionInfo, ...]":
        """What was saved, newest first."""
        ...

    async def differences(self, old: int, new: int) -> "tuple[Difference, ...]":
        """What leads from one revision to another."""
        ...

    async def restore(
        self, number: int, revision: int, request: "RestoreRequest | None" = None
    ) -> "SettingsDocument":
        """Save revision `number` again, on top of `revision`."""
        ...

    async def confirm_trial(self, revision: int) -> "SettingsDocument":
        """Keep what is on trial."""
        ...

    async def end_trial(self, revision: int) -> "SettingsDocument":
        """Take back what is on trial."""
        ...

    async def acknowledge_rollback(self) -> "AgentStatus":
        """Somebody has seen that a trial was taken back."""
        ...

    async def editing(self, places: tuple[str, ...]) -> None:
        """Tell the others on which screens something is typed here."""
        ...

    async def kept_draft(self) -> "KeptDraft":
        """What this user had typed before a logout (ControlRefused: nothing)."""
        ...

    async def keep_draft(self, request: "DraftRequest") -> "KeptDraft":
        """Keep what is typed."""
        ...

    async def drop_draft(self) -> None:
        """Keep it no longer."""
        ...

    async def send_logs(self) -> "SendReply":
        """Seal and deliver now what waits."""
        ...

    async def sent(self, number: int) -> "SendReply":
        """Wait a while for the end of that."""
        ...

    async def patterns(self) -> "PatternsDocument":
        """The custom patterns, the endpoints that need one, the deployments."""
        ...

    async def check_patterns(self) -> "PatternsDocument":
        """Look for new ones at the portal."""
        ...

    async def deploy_pattern(self, request: "DeployRequest") -> "DeploymentInfo":
        """Begin a deployment."""
        ...

    async def reports(self) -> "ReportsDocument":
        """Which reports there are."""
        ...

    async def report(self, number: int) -> "ReportDocument":
        """One report and its text."""
        ...

    async def mark_reports(self, marks: "ReadMarks") -> "ReportsDocument":
        """Mark reports as read or unread."""
        ...

    async def cases(self) -> "CasesDocument":
        """All cases."""
        ...

    async def submit_case(self, request: "SubmitRequest") -> "CaseInfo":
        """Hand one in."""
        ...

    async def submit_diagnostics(self) -> "CaseInfo":
        """Hand the bundle for support in as a case."""
        ...

    async def cancel_case(self, number: int) -> "CaseInfo":
        """Give one up."""
        ...

    async def send_cases(self) -> "CasesDocument":
        """Try again now what waits."""
        ...

    def activity_stream(self) -> AsyncGenerator["ActivityLine", None]:
        """Yield what it did of late, then each new line."""
        ...


class Connection(NamedTuple):
    """An agent to talk to; `private` says that it lives only as long as this console.

    `identity` is what this console is called among the snapshot's sessions.
    """

    agent: Agent
    private: bool = False
    identity: str = ""


Connect = Callable[[], AbstractAsyncContextManager[Connection]]
"""How the console comes to its agent; called again after a failure."""
