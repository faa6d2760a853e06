"""What a server says of its refusal: `{"error": {"code", "cause", "remedy"}}` (docs/protocol.md).

It is quoted beside our own words, never instead of them: a server could say anything.
"""

import json
from dataclasses import dataclass

from tm_tui.text import safe_text

__all__ = ["ServerWords", "words_in"]

_MOST_BODY, _MOST_CODE, _MOST_WORDS = 64 << 10, 60, 180


@dataclass(frozen=True, slots=True)
class ServerWords:
    """Safe to show, each at most 180 characters; a member that was missing is empty."""

    code: str
    cause: str
    remedy: str


def words_in(body: bytes) -> ServerWords | None:
    """Read the body of a refusal; None where it says nothing in this form. Never raises."""
    if len(body) > _MOST_BODY:
        return None
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    error = told.get("error") if isinstance(told, dict) else None
    if not isinstance(error, dict):
        return None
    code, cause, remedy = (error.get(name) for name in ("code", "cause", "remedy"))
    found = ServerWords(_safe(code, _MOST_CODE), _safe(cause, _MOST_WORDS), _safe(remedy, _MOST_WORDS))
    return found if found != ServerWords("", "", "") else None


def _safe(value: object, most: int) -> str:
    """Without the mark that ends a quotation, so that nobody's words run into ours."""
    return safe_text(value, most).replace('"', "'").strip() if isinstance(value, str) else ""
