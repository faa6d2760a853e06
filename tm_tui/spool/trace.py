"""Named points in an event's life, where tests end the process."""

from collections.abc import Callable

__all__ = ["Trace", "untraced"]

Trace = Callable[[str], None]
"""Called with a point's name, in any thread."""


def untraced(point: str) -> None:
    """Trace nothing."""
