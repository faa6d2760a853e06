"""Times as an admin reads them: short, relative, and in steps that do not keep a slow line busy."""

from datetime import datetime

__all__ = ["age", "clock_time", "elapsed", "span"]


def span(seconds: float) -> str:
    """A length of time: seconds below a minute, then minutes, hours, days."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def age(seconds: float) -> str:
    """How long ago."""
    return f"{span(seconds)} ago"


def elapsed(seconds: float) -> str:
    """A stopwatch: 0:03."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def clock_time(moment: datetime | None) -> str:
    """The absolute time of the detail, in the zone of the console, with its name."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if moment else "never"
