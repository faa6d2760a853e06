"""Times, numbers and people in words, printed and read out. Nothing here raises, whatever the number."""

from datetime import UTC, datetime, tzinfo

from tm_tui.clock import EARLIEST, LATEST, within

__all__ = [
    "ago",
    "apart",
    "bar",
    "count",
    "local_time",
    "percent",
    "person",
    "rough",
    "size",
    "span",
    "utc_time",
    "whole",
]

_LONGEST = 100 * 36525 * 864
"""A hundred years of seconds: what is longer comes of a clock that was never set."""


def whole(seconds: float) -> int:
    """Whole seconds from 0 to a hundred years; what is no number is 0."""
    return round(min(seconds, _LONGEST)) if seconds > 0 else 0


def span(seconds: float) -> str:
    """Say a length of time in its two largest units: `12 s`, `4 min 48 s`, `3 h 5 min`, `2 d 1 h`."""
    total = whole(seconds)
    if total >= _LONGEST:
        return "over 100 years"
    minutes, s = divmod(total, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    parts = ((days, "d"), (h, "h"), (m, "min"), (s, "s"))
    first = next((index for index, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def rough(seconds: float) -> str:
    """Say a length of time in steps for a slow line: seconds below a minute, then minutes, hours, days."""
    total = whole(seconds // 1)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min"
    if total < 86400:
        return f"{total // 3600} h {total % 3600 // 60} min"
    return f"{total // 86400} d {total % 86400 // 3600} h"


def size(number: int) -> str:
    """Say bytes in the largest unit of which there is one: `512 bytes`, `1.5 KiB`, `20.0 MiB`."""
    for unit, one in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= one:
            return f"{number / one:.1f} {unit}"
    return count(number, "byte")


def apart(ahead: float) -> str:
    """Say how one clock stands to another: `0.3 s behind`, `over 100 years ahead of`."""
    far = abs(ahead)
    amount = f"{far:.1f} s" if far < 60 else span(far)
    return f"{amount} {'behind' if ahead < 0 else 'ahead of'}"


def bar(done: int, of: int, width: int) -> str:
    """Draw how much is done, `[####......]`; more than all is all."""
    full = max(0, min(width, width * done // of)) if of else 0
    return f"[{'#' * full}{'.' * (width - full)}]"


def percent(done: int, of: int) -> int:
    """How much is done, from 0 to 100."""
    return max(0, min(100, 100 * done // of)) if of else 0


def ago(seconds: float | None) -> str:
    """Say an age: `12 s ago`, or `never`."""
    return "never" if seconds is None else f"{span(seconds)} ago"


def person(user: str, tty: str = "", ssh_from: str = "") -> str:
    """`root (pts/0 from 192.0.2.7)`: the user by the kernel's word, in brackets the client's."""
    said = " ".join(part for part in (tty, f"from {ssh_from}" if ssh_from else "") if part)
    return f"{user} ({said})" if said else user


def count(number: int, thing: str) -> str:
    """Say a number of things: `1 event`, `2,000 events`, `3 batches`."""
    more = "es" if thing.endswith(("ch", "s", "x")) else "s"
    return f"{number:,} {thing}{'' if number == 1 else more}"


def local_time(moment: datetime, form: str = "%Y-%m-%d %H:%M:%S %Z") -> str:
    """Say a moment in the zone of this process; at the bounds of tm_tui.values in words."""
    return _told(moment, form, None)


def utc_time(moment: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """Say a moment in UTC."""
    return _told(moment, form, UTC)


def _told(moment: datetime, form: str, zone: tzinfo | None) -> str:
    bounded = within(moment)
    if bounded <= EARLIEST:
        return "before 1970"
    return "after 2199" if bounded >= LATEST else bounded.astimezone(zone).strftime(form)
