"""Names inside a packed case: readable, and harmless to whoever unpacks it, on any system."""

import os
import re

from tm_tui.text import safe_text

__all__ = ["Names", "shown"]

_LONGEST = 120
_DEEPEST = 40
_ODD = re.compile(r'[\\:*?"<>|]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def shown(path: bytes) -> str:
    """A path as it can be kept and shown; it may not lead back to the file."""
    return safe_text(os.fsdecode(path), 500)


def _part(raw: bytes) -> str:
    """One part of a path: no control, bidi or special character, no name that means something else."""
    text = _ODD.sub("_", safe_text(os.fsdecode(raw), _LONGEST).replace("\ufffd", "_")).rstrip(". ")
    if not text or _DEVICES.fullmatch(text):
        return f"_{text}"
    return text


class Names:
    """Gives each file of a case a name of its own, also where upper and lower case are the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name_for(self, path: bytes) -> str:
        """The name for a path that is relative to what was chosen."""
        parts = [_part(part) for part in path.split(b"/") if part]
        if len(parts) > _DEEPEST:
            parts = [*parts[: _DEEPEST - 1], "_".join(parts[_DEEPEST - 1 :])[-_LONGEST:]]
        wanted = "files/" + "/".join(parts)
        name, number = wanted, 1
        while name.casefold() in self._taken:
            number += 1
            stem, dot, suffix = wanted.rpartition(".")
            name = f"{stem}~{number}.{suffix}" if dot and "/" not in suffix else f"{wanted}~{number}"
        self._taken.add(name.casefold())
        return name
