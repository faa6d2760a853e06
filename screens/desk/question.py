"""A question as data: flows ask it without knowing whether a box or a numbered prompt will show it."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """Words and answers (its word, its label). The first answer is the safe one: Esc and haste take it.

    `start` is the answer on which Enter stands, where the key that asked has named one.
    """

    title: str
    lines: Sequence[str]
    answers: Sequence[tuple[str, str]]
    start: str = ""
