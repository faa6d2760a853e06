"""What each failure code means, offline: from the one text that is also docs/failures.md."""

import re
from functools import cache
from pathlib import Path

__all__ = ["codes", "explanation", "whole_text"]

_PLACES = (
    Path(__file__).parent / "failures.md",  # in the wheel (pyproject.toml puts it there)
    Path(__file__).parents[1] / "docs" / "failures.md",  # in a checkout
)
_SECTION = re.compile(r"^### `([a-z0-9-]+)`$", re.MULTILINE)
_NEXT_PART = re.compile(r"^## ", re.MULTILINE)


def whole_text() -> str:
    """The whole document."""
    place = next((place for place in _PLACES if place.is_file()), None)
    return place.read_text(encoding="utf-8") if place is not None else ""


@cache
def _sections() -> dict[str, str]:
    parts = _SECTION.split(whole_text())
    texts = (_NEXT_PART.split(text)[0].strip() for text in parts[2::2])
    return dict(zip(parts[1::2], texts, strict=True))


def codes() -> tuple[str, ...]:
    """All codes that are explained, in the document's order."""
    return tuple(_sections())


def explanation(code: str) -> str | None:
    """The section of a code as plain text, each paragraph on one line; None for an unknown code."""
    text = _sections().get(code)
    if text is None:
        return None
    lines: list[str] = []
    for line in text.splitlines():
        begins = not lines or not lines[-1] or not line or line.startswith(("- ", "|", "    "))
        if begins:
            lines.append(line)
        else:
            lines[-1] += f" {line.strip()}"
    return "\n".join(lines).replace("**", "").replace("`", "")
