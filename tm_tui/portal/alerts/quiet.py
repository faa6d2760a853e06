"""Spans of the day in which nothing goes out."""

import re
from datetime import datetime, time

__all__ = ["is_quiet", "span_of"]

_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def span_of(text: str) -> tuple[time, time]:
    """Read `22:00-06:00`. Raises ValueError."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(text)
    begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if begin == end:
        raise ValueError(text)
    return begin, end


def is_quiet(text: str, now: datetime) -> bool:
    """Whether a moment lies in the span, in the zone of this process. An empty span has no moment in it."""
    if not text:
        return False
    begin, end = span_of(text)
    at = now.astimezone().time()
    return begin <= at < end if begin < end else at >= begin or at < end
