"""What a crashed console leaves to the one that takes its place: in memory, and never a password."""

import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from screens.desk.draft import Draft
    from screens.desk.start import Start

__all__ = ["Left"]

_MOST = 1 << 16


class Left(NamedTuple):
    """Where the admin was, and what was typed. `at` is the monotonic second of the crash."""

    at: float
    entry: str
    """The menu's entry by its name."""
    working: bool
    """Whether its page had the focus, not the menu."""
    typed: "Mapping[str, str | bool]"
    """The fields of the draft; passwords are not among them."""
    forgotten: bool
    """Whether passwords had been typed, too."""
    report: str
    """The crash report's path, or nothing."""

    @classmethod
    def of(cls, draft: "Draft | None", start: "Start", entry: str, *, working: bool, report: str) -> "Left":
        """What there is to leave now; what the console started with counts until a draft is there."""
        typed = dict(draft.typed if draft else start.values)
        return cls(time.monotonic(), entry, working, typed, bool(draft and draft.secrets), report)

    def words(self) -> str:
        """What the new console says."""
        words = f"Restarted after a crash: report {self.report or 'could not be written'}"
        return f"{words}. Type the password again." if self.forgotten else words

    def write(self) -> int:
        """Put it into a pipe for the program that takes this one's place; its end to read from.

        A pipe holds 64 KiB and is no file: a locked console may write none. Raises OSError beyond.
        """
        descriptor, inlet = os.pipe()
        os.set_blocking(inlet, False)
        text = json.dumps(self._asdict()).encode()
        if os.write(inlet, text) < len(text):
            raise OSError("more was typed than a pipe holds")
        os.close(inlet)
        os.set_inheritable(descriptor, True)
        return descriptor

    @classmethod
    def read(cls, descriptor: int) -> "Left":
        """Take it from there. Raises OSError and ValueError when it is not there."""
        if descriptor <= 2:
            raise ValueError("a standard stream")
        try:
            text = os.read(descriptor, _MOST)
        finally:
            os.close(descriptor)
        value: Any = json.loads(text)
        shape = {
            "at": float,
            "entry": str,
            "working": bool,
            "typed": dict,
            "forgotten": bool,
            "report": str,
        }
        if not isinstance(value, dict) or {key: type(each) for key, each in value.items()} != shape:
            raise ValueError("another shape")
        if not all(type(each) in {str, bool} for each in value["typed"].values()):
            raise ValueError("another shape")
        return cls(**value)
