"""What the console opens with: nothing, the values of a file, or what was there before a crash."""

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from screens.desk.draft import Value
    from screens.desk.left import Left

__all__ = ["Start"]


class Start(NamedTuple):
    """Values stand on the form as if they had been typed; `entry` is the menu's, by name."""

    values: "Mapping[str, Value]" = MappingProxyType({})
    entry: str = ""
    working: bool = False
    words: str = ""
    wrong: bool = False

    @classmethod
    def filled(cls, values: "Mapping[str, Value]") -> "Start":
        """The demo."""
        words = "The form is filled in, nothing is saved yet: F3 tests, F2 saves."
        return cls(values, "TMSP", working=True, words=words)

    @classmethod
    def again(cls, left: "Left") -> "Start":
        """After a crash."""
        return cls(left.typed, left.entry, working=left.working, words=left.words(), wrong=True)
