"""What a batch says, read once for all that is made of it: states of endpoints, rows and counts for reports.

The files are the truth: a batch that was not read to its end is read again, and reading again is harmless.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from io import BufferedReader

from sqlalchemy import Connection

from tm_tui.portal import endpoints
from tm_tui.portal.batch_file import events
from tm_tui.portal.endpoints import Mark
from tm_tui.portal.index import READ
from tm_tui.portal.reports import entering
from tm_tui.portal.reports.reader import Rows
from tm_tui.spool.log_line import LoggedThreat, logged

__all__ = ["Collector", "Portion", "keep", "portions"]

_MOST_ROWS = 500


@dataclass(slots=True)
class Portion:
    """Of bounded size: the newest mark of each endpoint, rows, and the number of unreadable threat events."""

    marks: dict[str, Mark] = field(default_factory=dict)
    rows: Rows = field(default_factory=Rows)
    unreadable: int = 0

    def add(self, event: dict[str, object], received_at: datetime) -> None:
        """Read one more event."""
        read, came = logged(event), received_at.timestamp()
        if read is not None:
            self.rows.add(read, came)
        elif event.get("kind") == endpoints.KIND:
            self.unreadable += 1
        if isinstance(read, LoggedThreat):
            mark = endpoints.mark_of(read, came)
            if mark.newer(self.marks.get(mark.key)):
                self.marks[mark.key] = mark

    @property
    def full(self) -> bool:
        """Whether it is worth a transaction."""
        return max(len(self.marks), len(self.rows.threats) + 10 * len(self.rows.root_causes)) >= _MOST_ROWS


class Collector:
    """The portions of a small batch, made while it is checked; of a larger one there are none."""

    def __init__(self, received_at: datetime, most: int) -> None:
        self._received_at = received_at
        self._left = most
        self._portions = [Portion()]

    def add(self, event: dict[str, object]) -> None:
        """One more event of the batch."""
        self._left -= 1
        if self._left < 0 or event.get("kind") not in READ:
            self._portions = []
        elif self._portions:
            self._portions[-1].add(event, self._received_at)
            if self._portions[-1].full:
                self._portions.append(Portion())

    @property
    def portions(self) -> list[Portion]:
        """All of them; empty: read the file."""
        return self._portions


def portions(file: BufferedReader, received_at: datetime) -> Iterator[Portion]:
    """All events of a batch. Raises Refused for a damaged file, OSError."""
    portion = Portion()
    for event in events(file):
        portion.add(event, received_at)
        if portion.full:
            yield portion
            portion = Portion()
    yield portion


def keep(
    connection: Connection,
    appliance: str,
    portion: Portion,
    now: float,
    zone: tzinfo | None = None,
) -> None:
    """Enter what it says. Idempotent."""
    endpoints.keep(connection, appliance, portion.marks.values())
    entering.enter(connection, appliance, portion.rows, now, zone)
