"""Which stretch of time a report is about: days, weeks from Sunday to Saturday and months of a zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

__all__ = ["KINDS", "Kind", "Period", "current", "last_ended", "midnight"]

Kind = Literal["daily", "weekly", "monthly"]
KINDS: tuple[Kind, ...] = ("daily", "weekly", "monthly")


@dataclass(frozen=True, slots=True)
class Period:
    """From the midnight that begins `first` to the one that ends `last`, in the portal's zone."""

    kind: Kind
    first: date
    last: date
    zone: tzinfo | None = None
    """None: the zone of the machine."""

    @property
    def begins(self) -> datetime:
        """Its first moment."""
        return midnight(self.first, self.zone)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def name(self) -> str:
        """As it stands in a report's id: a day, a week by its Sunday, a month."""
        return f"{self.first:%Y-%m}" if self.kind == "monthly" else f"{self.first:%Y-%m-%d}"

    @property
    def words(self) -> str:
        """As it stands in a title."""
        if self.kind == "daily":
            return f"{self.first:%A, %Y-%m-%d}"
        if self.kind == "weekly":
            return f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        return f"{self.first:%B %Y}"

    def before(self) -> "Period":
        """The one before."""
        return _containing(self.kind, self.first - timedelta(days=1), self.zone)

    def days(self) -> tuple[date, ...]:
        """Each day of it."""
        return tuple(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))


def midnight(day: date, zone: tzinfo | None) -> datetime:
    """The first moment of a day. Without a zone the machine's counts, on that day: summer time too."""
    moment = datetime(day.year, day.month, day.day, tzinfo=zone)
    return moment if zone is not None else moment.astimezone()


def _containing(kind: Kind, day: date, zone: tzinfo | None) -> Period:
    if kind == "daily":
        return Period(kind, day, day, zone)
    if kind == "weekly":
        first = day - timedelta(days=(day.weekday() + 1) % 7)
        return Period(kind, first, first + timedelta(days=6), zone)
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Period(kind, first, following - timedelta(days=1), zone)


def current(kind: Kind, now: datetime, zone: tzinfo | None = None) -> Period:
    """The one that `now` is in."""
    return _containing(kind, now.astimezone(zone).date(), zone)


def last_ended(kind: Kind, now: datetime, most: int, zone: tzinfo | None = None) -> tuple[Period, ...]:
    """The newest periods that are over at `now`, the oldest of them first."""
    found: list[Period] = []
    period = current(kind, now, zone)
    while len(found) < most:
        period = period.before()
        if period.begins.astimezone(UTC).year < 1971:  # a clock that was never set
            break
        found.append(period)
    return tuple(reversed(found))
