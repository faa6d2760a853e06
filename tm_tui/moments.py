"""The moments in time that are kept, sent and shown: from 1970 to 2200, with a zone. Light to import.

What lies beyond is taken to the nearer bound and shown in words, so that a clock that was never set costs
nothing else.
"""

from datetime import UTC, datetime

__all__ = ["EARLIEST", "LATEST", "moment_of", "within"]

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def within(moment: datetime) -> datetime:
    """Return `moment` in UTC, from EARLIEST to LATEST. One without a zone counts as UTC. Never raises."""
    aware = moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment
    return min(max(aware, EARLIEST), LATEST).astimezone(UTC)


def moment_of(seconds: float) -> datetime:
    """The moment of so many Unix seconds, within the bounds. Never raises; what is no number is EARLIEST."""
    if not seconds > 0:
        return EARLIEST
    return LATEST if seconds >= LATEST.timestamp() else datetime.fromtimestamp(seconds, UTC)
