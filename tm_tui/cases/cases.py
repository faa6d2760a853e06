"""The agent's cases, put together: two services, and the desk at which the control socket asks."""

from collections.abc import Callable
from typing import Protocol

from tm_tui.cases.case_calls import CaseDesk
from tm_tui.cases.case_records import CaseBook
from tm_tui.cases.pack_service import CasePacking
from tm_tui.cases.upload_service import CaseUploads
from tm_tui.changes import Changed, Throttle
from tm_tui.clock import Clock
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.host_keys import HostKeys
from tm_tui.paths import Home
from tm_tui.retry import Chance

__all__ = ["Cases", "Owner"]

_SECONDS = 1.0
"""A progress bar need not move more often."""


class Owner(Protocol):
    """What its parts need of an agent."""

    @property
    def appliance(self) -> str:
        """Its name."""
        ...

    @property
    def host_keys(self) -> HostKeys:
        """Those that an admin approved."""
        ...

    @property
    def clock(self) -> Clock:
        """Its time."""
        ...

    @property
    def changed(self) -> Changed:
        """Announced when its status says something new."""
        ...


class Cases:
    """What belongs together of an agent."""

    def __init__(
        self,
        home: Home,
        agent: Owner,
        bandwidth: Bandwidth,
        book: CaseBook,
        chance: Chance,
        *,
        registration_known: Callable[[], bool],
    ) -> None:
        self._busy = Throttle(agent.changed.announce, _SECONDS)
        book.changed = self._busy
        self._packing = CasePacking(home, agent.appliance, book, agent.clock, chance, changed=self._busy)
        self._uploads = CaseUploads(
            agent.appliance,
            agent.host_keys,
            book,
            bandwidth,
            changed=self._busy,
            clock=agent.clock,
            chance=chance,
            registration_known=registration_known,
        )
        self.services = (self._packing, self._uploads)
        self.desk = CaseDesk(home, book, self._packing, self._uploads, agent.clock)

    def registered(self) -> None:
        """The portal knows the appliance (anew): what it refused before is tried again."""
        self._uploads.send_now()

    def beat_accepted(self) -> None:
        """The status server takes the credentials."""
        self._uploads.beat_accepted()

    def stop(self) -> None:
        """Announce nothing any more."""
        self._busy.stop()
