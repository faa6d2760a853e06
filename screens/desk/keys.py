"""The keys of the console, once: bindings, footer, buttons and palette all read them from here."""

from dataclasses import dataclass

from textual.binding import Binding

__all__ = ["KEYS", "Key", "bindings", "key_for"]


@dataclass(frozen=True, slots=True)
class Key:
    r"""One command: its function key, the control key for terminals without those, its word and its action.

    ^S ^Q ^Z ^\ ^C are never used: terminals and lines keep them for themselves. Browsers keep ^N ^T ^W, tmux
    ^B, screen and minicom ^A, and telnet ^]: none of those is a twin. `also` still works where it arrives.
    """

    function: str
    control: str
    label: str
    action: str
    also: str = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """All that it is bound to, as Textual names it."""
        return tuple(code for code in (self.function, self.control, self.also) if code)

    @property
    def name(self) -> str:
        """The function key as it is printed on keyboards."""
        return self.function.upper()

    @property
    def twin(self) -> str:
        """The control key as `^G`."""
        return "^" + self.control[-1].upper()


KEYS = (
    Key("f1", "ctrl+g", "Help", "help"),
    Key("f2", "ctrl+y", "Save", "save", "ctrl+w"),
    Key("f3", "ctrl+f", "Test", "test", "ctrl+t"),
    Key("f4", "ctrl+o", "Menu", "menu"),
    Key("f5", "ctrl+d", "Send", "send", "ctrl+n"),
    Key("f6", "ctrl+r", "Try", "on_trial"),
    Key("f10", "ctrl+x", "Exit", "leave"),
)


def key_for(action: str) -> Key:
    """The key of an action; KeyError when it has none."""
    for key in KEYS:
        if key.action == action:
            return key
    raise KeyError(action)


def bindings() -> list[Binding]:
    """Every command as Textual's binding, F-key and control key alike; they work in every widget."""
    return [Binding(",".join(key.codes), key.action, key.label, show=False, priority=True) for key in KEYS]
