"""What every part of a running portal is given: one object, so that a new route module needs no wiring."""

from dataclasses import dataclass, field

from tm_tui.clock import Clock
from tm_tui.portal.batches import BatchStore
from tm_tui.portal.blobs.store import Blobs
from tm_tui.portal.database import Database
from tm_tui.portal.doorkeeper import Doorkeeper
from tm_tui.portal.home import PortalHome
from tm_tui.portal.kept import Kept
from tm_tui.portal.log import PortalLog
from tm_tui.portal.retention.settings import Retention

__all__ = ["Portal"]


@dataclass(frozen=True, slots=True)
class Portal:
    """The parts of one running portal."""

    home: PortalHome
    database: Database
    doorkeeper: Doorkeeper
    batches: BatchStore
    blobs: Blobs
    log: PortalLog
    clock: Clock
    kept: Kept
    retention: Retention = field(default_factory=Retention)
