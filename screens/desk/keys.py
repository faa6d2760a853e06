"""The keys of the console, once: bindings, footer, buttons and palette all read them from here."""

from typing import NamedTuple

from textual.binding import Binding

__all__ = ["DECIDES", "KEYS", "READ_ONLY", "Key", "bindings", "key_for", "why_not"]


class Key(NamedTuple):
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


DECIDES = Key("f6", "ctrl+r", "Keep", "on_trial")
"""What F6 is called while a trial runs."""


def key_for(action: str) -> Key:
    """The key of an action; KeyError when it has none."""
    for key in KEYS:
        if key.action == action:
            return key
    raise KeyError(action)


READ_ONLY = "You may only look here."
_NOTHING = {
    "save": "Nothing to save here: {key} works on forms.",
    "test": "Nothing to test here: {key} tests the form of TMSP, Proxy Settings or Server Identity.",
    "send": "Nothing to send here: {key} sends on Logs > Log Queue.",
    "on_trial": "Nothing to try here: {key} saves a form on trial, and decides about a trial.",
    "space": "Nothing to choose here: Space marks rows of a list, and chooses in a field.",
}


def why_not(code: str, *, read_only: bool, works_inside: bool) -> str:
    """Why a key does nothing at this place; empty for one that is no command.

    `code` is Textual's name of it; `works_inside`: it would work on the page in sight, were it opened.
    """
    key = next((one for one in KEYS if code in one.codes), None)
    action = "space" if code == "space" else key.action if key is not None else ""
    if action not in _NOTHING:
        return ""
    if read_only and action != "space":
        return READ_ONLY
    name = key.name if key is not None else "Space"
    return f"{name} works on the form: Enter opens it." if works_inside else _NOTHING[action].format(key=name)


def bindings() -> list[Binding]:
    """Every command as Textual's binding, F-key and control key alike; they work in every widget."""
    return [Binding(",".join(key.codes), key.action, key.label, show=False, priority=True) for key in KEYS]
