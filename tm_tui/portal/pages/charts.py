"""Charts that the server draws: stacked bars, one a day, as SVG in the page, with a table of the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

__all__ = ["Bar", "Chart", "Series", "chart"]

_WIDTH, _HEIGHT = 480.0, 120.0
_GAP = 0.25
"""Of a bar's width."""


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of one kind, one a day. `kind` is the class in the style sheet."""

    name: str
    kind: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle, in units of the view box, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All that a template needs."""

    title: str
    days: tuple[date, ...]
    series: tuple[Series, ...]
    bars: tuple[Bar, ...]
    most: int
    width: float = _WIDTH
    height: float = _HEIGHT

    @property
    def total(self) -> int:
        """Of all days."""
        return sum(sum(one.values) for one in self.series)

    @property
    def words(self) -> str:
        """What there is to see, for who does not."""
        newest = ", ".join(f"{one.name} {one.values[-1]:,}" for one in self.series)
        return (
            f"{self.title}: {self.days[0]} to {self.days[-1]}, at most {self.most:,} a day; today {newest}."
        )


def chart(title: str, days: Sequence[date], *series: Series) -> Chart:
    """Draw series on top of each other. Each has a number for each of the days."""
    tops = [sum(one.values[index] for one in series) for index in range(len(days))]
    most = max(tops, default=0)
    slot = _WIDTH / max(1, len(days))
    bars = []
    for index, day in enumerate(days):
        base = _HEIGHT
        for one in series:
            value = one.values[index]
            if value:
                height = max(1.0, _HEIGHT * value / most)
                base -= height
                place = (round(index * slot + slot * _GAP / 2, 1), round(max(0.0, base), 1))
                size = (round(slot * (1 - _GAP), 1), round(height, 1))
                bars.append(Bar(*place, *size, one.kind, f"{day}: {value:,} {one.name}"))
    return Chart(title, tuple(days), tuple(series), tuple(bars), most)
