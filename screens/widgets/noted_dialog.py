"""A question with room for a note: why something is saved, for those who read the history."""

from collections.abc import Iterable

from textual.content import Content
from textual.events import Blur, Focus, Key, Paste
from textual.geometry import Offset
from textual.widget import Widget

from screens.desk.desk import Question
from screens.widgets.dialog import Choice, Dialog
from screens.widgets.line import Line
from screens.widgets.pasting import taken

__all__ = ["NotedDialog"]

_LABEL = "Note: "
_LONGEST = 200
_KEYS = {
    "left": lambda line: line.move(-1),
    "right": lambda line: line.move(1),
    "home": lambda line: line.home(),
    "end": lambda line: line.end(),
    "backspace": lambda line: line.delete_left(),
    "delete": lambda line: line.delete_right(),
    "ctrl+u": lambda line: line.cut_left(),
}


class _Note(Widget, can_focus=True):
    """One line, below the answers, so that a hasty Enter still takes the safe one."""

    DEFAULT_CSS = "_Note { height: 1; width: 1fr; margin-top: 1; text-wrap: nowrap; }"
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.line = Line()

    def render(self) -> Content:
        """The text on a line of underscores, or what it is for."""
        room = max(1, self.size.width - len(_LABEL) - 1)
        if not self.line.text and not self.has_focus:
            return Content(f"{_LABEL}(optional, Tab goes here){'_' * (room - 26)}")
        text, _ = self.line.window(room)
        return Content(f"{_LABEL}{text:_<{room}}")

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        _, cell = self.line.window(max(1, self.size.width - len(_LABEL) - 1))
        return self.region.offset + Offset(len(_LABEL) + cell, 0)

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002  Textual's shape
        """Printable characters are text here."""
        return character is not None and character.isprintable()

    def on_key(self, event: Key) -> None:
        """Type, edit; Enter goes on to the answers."""
        if event.key == "enter":
            self.screen.focus_next()
        elif edit := _KEYS.get(event.key):
            self.line = edit(self.line)
        elif event.is_printable and event.character:
            self._type_in(event.character)
        else:
            return
        event.stop()
        event.prevent_default()
        self.refresh()

    def on_paste(self, event: Paste) -> None:
        """Take it as one line."""
        event.stop()
        self._type_in(event.text)
        self.refresh()

    def _type_in(self, text: str) -> None:
        self.line = self.line.insert(taken(self, text, _LONGEST - len(self.line.text)))

    def on_focus(self, _: Focus) -> None:
        """An empty line to type on."""
        self.refresh()

    def on_blur(self, _: Blur) -> None:
        """Say again what it is for."""
        self.refresh()


class NotedDialog(Dialog):
    """Ask; `note` holds what was typed."""

    AUTO_FOCUS = "Choice"
    BELOW = 2

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self._note = _Note()

    def below(self) -> Iterable[Widget]:
        """The note."""
        return (self._note,)

    @property
    def note(self) -> str:
        """What was typed."""
        return self._note.line.text.strip()

    def action_answer(self) -> None:
        """Take the focused answer."""
        if isinstance(self.focused, Choice):
            super().action_answer()
