"""How slowly a server may send before it is given up."""

from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True, slots=True)
class Patience:
    """In each `seconds` at least `least` bytes must come, or half of what our own limit lets through.

    No file takes longer than `whole` seconds, however steadily it drips.
    """

    seconds: float = 30.0
    least: int = 4096
    whole: float = 86400.0
