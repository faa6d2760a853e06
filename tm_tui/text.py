"""Text from outside is made safe to keep and to show: no control, bidi or surrogate character survives."""

import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote_to_bytes

from tm_tui.values import Check

__all__ = [
    "SafeLines",
    "SafeText",
    "is_safe",
    "is_text",
    "path_of",
    "path_text",
    "safe_characters",
    "safe_lines",
    "safe_text",
]

# C0 and C1 controls with DEL, surrogates, bidi controls and marks, line and paragraph separators, invisible
# operators, the byte order mark, interlinear annotation and tag characters. Newline and tab become spaces.
_CHARACTERS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[{_CHARACTERS}]")
_UNSAFE_OR_SPACE = re.compile(f"[{_CHARACTERS}\t\n]")


def safe_text(text: str, limit: int = 500) -> str:
    """Return `text` on one line, each unsafe character as U+FFFD, cut to `limit` characters.

    The cut shows as an ellipsis, so that nobody takes the part for the whole.
    """
    line = _UNSAFE.sub("\ufffd", text[: limit + 1].replace("\r\n", " ").replace("\n", " ").replace("\t", " "))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def is_text(text: str) -> bool:
    """Whether UTF-8 can say it. A byte of a command line or a file's name that is no UTF-8 cannot be said."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def safe_characters(text: str) -> str:
    """Return `text` with each unsafe character, tabs and line ends too, as one U+FFFD: as long as it was."""
    return _UNSAFE_OR_SPACE.sub("\ufffd", text)


def is_safe(text: str, *, line_ends: bool = True) -> bool:
    """Whether all of it may be kept and shown; tabs and line ends only where `line_ends` are taken."""
    return (_UNSAFE if line_ends else _UNSAFE_OR_SPACE).search(text) is None


SafeText = Annotated[str, Check(safe_text)]
"""A string that went through `safe_text`."""


def safe_lines(text: str) -> str:
    """Return `text` with its line breaks and tabs, each other unsafe character as U+FFFD."""
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


SafeLines = Annotated[str, Check(safe_lines)]
"""A string of several lines that went through `safe_lines`."""


_URI = "file://"


def path_text(path: str) -> str:
    """Return an absolute path as text: itself, or its file URI (RFC 8089) where its bytes are no UTF-8."""
    return path if is_text(path) else Path(path).as_uri()


def path_of(text: str) -> Path:
    """Return the path that `path_text` wrote down."""
    if not text.startswith(_URI):
        return Path(text)
    return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_URI))))
