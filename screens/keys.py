"""The keys of the console, once: bindings, footer, buttons and palette all read them from here."""

from dataclasses import dataclass

from textual.binding import Binding

__all__ = ["KEYS", "Key", "bindings", "key_for"]


@dataclass(frozen=True, slots=True)
class Key:
    r"""One command: its function key, the control key for terminals without those, its word and its action.

    ^S ^Q ^Z ^\ ^C are never used: terminals and lines keep them for themselves.
    """

    function: str
    control: str
    label: str
    action: str

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
    Key("f2", "ctrl+w", "Save", "save"),
    Key("f3", "ctrl+t", "Test", "test"),
    Key("f4", "ctrl+o", "Menu", "menu"),
    Key("f5", "ctrl+n", "Send", "send"),
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
    """Every command as Textual's binding, F-key and control key alike.

    They act at once, like a form's Tab and arrows: keys typed ahead on a slow line keep their order.
    """
    return [
        Binding(f"{key.function},{key.control}", key.action, key.label, show=False, priority=True)
        for key in KEYS
    ]
