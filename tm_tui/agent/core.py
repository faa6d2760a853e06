"""What the control socket's routes need from the agent, so that they can live below it."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from tm_tui.api.agent import AgentStatus
from tm_tui.changes import Changed
from tm_tui.clock import Clock
from tm_tui.errors import TmError
from tm_tui.link.host_keys import HostKeys
from tm_tui.settings.model import Settings
from tm_tui.settings.revision import NO_CLAIMS, Claims
from tm_tui.settings.store import Revision, SettingsStore

if TYPE_CHECKING:
    from tm_tui.agent.activity import Activity
    from tm_tui.agent.drafts import Drafts
    from tm_tui.agent.sessions import Sessions
    from tm_tui.api.requests import TrialRequest
    from tm_tui.cases.case_calls import CaseDesk
    from tm_tui.delivery.service import DeliveryService
    from tm_tui.diagnostics.last_test import LastTest
    from tm_tui.patterns.custom_patterns import CustomPatterns
    from tm_tui.reports.service import ReportService
    from tm_tui.spool.store import Spool

__all__ = ["Core", "SecretsByName", "TrialOver", "Who"]

SecretsByName = dict[str, SecretStr | None]


@dataclass(frozen=True, slots=True)
class Who:
    """Who does something: the kernel's user, and what the client says beside that."""

    user: str
    claims: Claims = NO_CLAIMS


class TrialOver(TmError):
    """The trial that is meant does not run (any more)."""

    def __init__(self, number: int) -> None:
        cause = f"Revision {number} is not on trial."
        super().__init__(cause, "`tm-tui status` says what is in force, `tm-tui config history` how it came.")


class Core(Protocol):
    """The agent, as its control socket sees it."""

    @property
    def clock(self) -> Clock:
        """The agent's time."""

    @property
    def store(self) -> SettingsStore:
        """The revisions on disk. Its methods block: call them in a thread."""

    @property
    def host_keys(self) -> HostKeys:
        """The approved host keys."""

    @property
    def appliance(self) -> str:
        """The name under which this appliance is registered."""

    @property
    def changed(self) -> Changed:
        """Announced whenever `status()` would say something new."""

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the agent ends: streams end then."""

    @property
    def spool(self) -> "Spool":
        """The log queue."""

    @property
    def patterns(self) -> "CustomPatterns":
        """Custom patterns and their deployment."""

    @property
    def reports(self) -> "ReportService":
        """The reports of TMSP."""

    @property
    def cases(self) -> "CaseDesk":
        """Cases: submit, cancel, look."""

    @property
    def activity(self) -> "Activity":
        """What the agent did of late."""

    @property
    def last_test(self) -> "LastTest":
        """The newest connection test."""

    @property
    def revision(self) -> Revision:
        """The settings in force."""

    @property
    def sessions(self) -> "Sessions":
        """The consoles that are on."""

    @property
    def drafts(self) -> "Drafts":
        """What consoles had unsaved when they logged out."""

    def status(self) -> AgentStatus:
        """The snapshot of this moment."""

    async def save(
        self,
        settings: Settings,
        secrets: SecretsByName,
        *,
        expected: int,
        who: "Who",
        note: str,
        trial: "TrialRequest | None" = None,
    ) -> Revision:
        """Save and put in force. Raises like `SettingsStore.save`."""

    async def restore(
        self, number: int, *, expected: int, who: "Who", note: str = "", trial: "TrialRequest | None" = None
    ) -> Revision:
        """Save an old revision again and put it in force. Raises like `SettingsStore.restore`."""

    async def confirm(self, number: int, who: "Who") -> None:
        """Keep what is on trial. Raises TrialOver when revision `number` is not, StorageFailed."""

    async def take_back(self, number: int, who: "Who") -> Revision:
        """End the trial of revision `number` with the settings before it. Raises like `confirm`."""

    async def acknowledge(self, who: "Who") -> None:
        """A trial that was taken back by itself has been seen. Raises StorageFailed."""

    def delivery(self) -> "DeliveryService | None":
        """What delivers logs under the settings in force; None when sending is switched off."""

    def trust_changed(self) -> None:
        """A host key was approved or forgotten: what waits for that tries again at once."""
