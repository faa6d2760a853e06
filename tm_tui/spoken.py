"""Times and numbers in words, as they are printed and read out."""

__all__ = ["ago", "count", "span"]


def span(seconds: float) -> str:
    """Say a length of time in its two largest units: `12 s`, `4 min 48 s`, `3 h 5 min`, `2 d 1 h`."""
    total = max(0, round(seconds))
    minutes, s = divmod(total, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    parts = ((days, "d"), (h, "h"), (m, "min"), (s, "s"))
    first = next((index for index, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def ago(seconds: float | None) -> str:
    """Say an age: `12 s ago`, or `never`."""
    return "never" if seconds is None else f"{span(seconds)} ago"


def count(number: int, thing: str) -> str:
    """Say a number of things: `1 event`, `2 events`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
