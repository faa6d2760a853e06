"""The newest snapshot and how old it is: whatever is shown of the agent is computed from this."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tm_tui.api.agent import AgentStatus

__all__ = ["Seen"]

_PATIENCE = 5.0
"""Seconds that a beat may take without a word: an exchange over a slow way."""


class Seen(NamedTuple):
    """What is known of the agent. `arrived` and `lost_at` are monotonic seconds."""

    status: "AgentStatus | None" = None
    arrived: float = 0.0
    lost_at: float | None = None
    headline: str = ""
    cause: str = ""
    remedy: str = ""
    ours: str = ""
    """What this console is called among the sessions."""
    private: bool = False
    """Whether the agent lives only as long as this console."""

    def with_status(self, status: "AgentStatus", at: float) -> "Seen":
        """A snapshot came: the agent is there."""
        return Seen(status, at, ours=self.ours, private=self.private)

    def lost(self, headline: str, cause: str, remedy: str, at: float) -> "Seen":
        """The agent is gone; what was known stays, marked as old."""
        since = self.lost_at if self.lost_at is not None else at
        return self._replace(lost_at=since, headline=headline, cause=cause, remedy=remedy, private=False)

    @property
    def stale(self) -> bool:
        """Whether the values are from before the agent went."""
        return self.lost_at is not None

    def overdue(self, now: float) -> float | None:
        """Seconds since a beat was due of which the agent has told nothing; None while nothing is amiss.

        Counted here, as an agent that hangs counts nothing. A beat may take its time: twice the last one's.
        """
        server = self.status.status_server if self.status and not self.stale else None
        if server is None or server.next_beat_in_seconds is None:
            return None
        late = now - self.arrived - server.next_beat_in_seconds
        return late if late > max(_PATIENCE, (server.round_trip_ms or 0.0) / 500) else None

    def aged(self, seconds: float | None, now: float) -> float | None:
        """An age of the snapshot, as of now."""
        return None if seconds is None else max(0.0, seconds + now - self.arrived)

    def left(self, seconds: float | None, now: float) -> float | None:
        """A wait of the snapshot, as of now; none when the agent is gone: nobody knows then."""
        if seconds is None or self.stale:
            return None
        return max(0.0, seconds - (now - self.arrived))
