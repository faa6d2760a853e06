"""Times as an admin reads them: short, relative, and in steps that do not keep a slow line busy."""

from datetime import datetime

from tm_tui.spoken import local_time, rough, whole

__all__ = ["age", "clock_time", "elapsed", "span"]


def span(seconds: float) -> str:
    """A length of time: seconds below a minute, then minutes, hours, days."""
    return rough(seconds)


def age(seconds: float) -> str:
    """How long ago."""
    return f"{span(seconds)} ago"


def elapsed(seconds: float) -> str:
    """A stopwatch: 0:03."""
    total = whole(seconds // 1)
    return f"{total // 60}:{total % 60:02d}"


def clock_time(moment: datetime | None) -> str:
    """The absolute time of the detail, in the zone of the console, with its name."""
    return local_time(moment) if moment else "never"
