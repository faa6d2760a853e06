"""^P: the permitted commands and the screens, found by typing a part of their name. Nothing else is in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key, Paste, Resize
from textual.geometry import Offset
from textual.screen import ModalScreen

from screens.widgets.painted import BOLD, PLAIN, REVERSE, Painted, Parts, fitted, typed

if TYPE_CHECKING:
    from screens.desk.keys import Key as CommandKey
    from screens.desk.menu import Entry

__all__ = ["Palette"]

_ROWS = 10
_LABEL = "Command: "


class _Commands(Painted):
    """What is typed, and what it finds."""

    DEFAULT_CSS = f"_Commands {{ height: {_ROWS + 1}; width: 1fr; }}"

    def __init__(self, commands: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._commands = commands
        self._typed = ""
        self._at = 0

    def found(self) -> list[tuple[str, str]]:
        """The commands whose name holds what was typed."""
        wanted = self._typed.casefold()
        return [command for command in self._commands if wanted in command[0].casefold()]

    @property
    def chosen(self) -> str | None:
        """The action of the highlighted one."""
        found = self.found()
        return found[self._at][1] if found else None

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002  Textual's shape
        """Printable characters are text here."""
        return character is not None and character.isprintable()

    def on_key(self, event: Key) -> None:
        """Narrow the list, or widen it again."""
        if (text := typed(self, self._typed, event)) is not None:
            event.stop()
            self._retype(text)

    def on_paste(self, event: Paste) -> None:
        """Narrow the list."""
        event.stop()
        self._retype(typed(self, self._typed, event) or "")

    def move(self, by: int) -> None:
        """Highlight a neighbour."""
        self._at = max(0, min(len(self.found()) - 1, self._at + by))
        self._draw()

    def _retype(self, text: str) -> None:
        self._typed, self._at = text, 0
        self._draw()

    @property
    def terminal_cursor(self) -> Offset | None:
        """On the highlighted command; behind what was typed when nothing is found."""
        if not self.found():
            return self.region.offset + Offset(len(_LABEL) + cell_len(self._typed), 0)
        return self.region.offset + Offset(0, 1 + self._at - self._top)

    @property
    def _room(self) -> int:
        return max(1, self.size.height - 1)

    @property
    def _top(self) -> int:
        """The first command in sight."""
        return max(0, self._at - self._room + 1)

    def _draw(self) -> None:
        shown = list(enumerate(self.found()))[self._top : self._top + self._room]
        rows = [self._row(name, chosen=at == self._at) for at, (name, _) in shown]
        self.paint([((_LABEL, BOLD), (self._typed, PLAIN)), *rows])

    def _row(self, name: str, *, chosen: bool) -> Parts:
        text = f"{'>' if chosen else ' '} {name}"
        return ((fitted(f"{text:<{self.size.width}}", self.size.width), REVERSE if chosen else PLAIN),)

    def on_resize(self, _: Resize) -> None:
        """Fill the rows that it has now."""
        self._draw()


class Palette(ModalScreen[str | None], inherit_bindings=False):
    """The result is the action of the chosen command, or None."""

    CSS_PATH = "palette.tcss"
    AUTO_FOCUS = "_Commands"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "move(-1)", show=False),
        Binding("down,tab", "move(1)", show=False),
        Binding("enter", "choose", show=False),
        Binding("escape,ctrl+p", "close", show=False),
    ]

    def __init__(self, keys: Sequence["CommandKey"], entries: Sequence["Entry"]) -> None:
        super().__init__()
        commands = [(f"{key.label}  {key.name}", key.action) for key in keys]
        commands += [(f"Open {entry.path}", f"open('{entry.name}')") for entry in entries]
        self._list = _Commands(commands)

    def compose(self) -> ComposeResult:
        """One box."""
        with Vertical(classes="box"):
            yield self._list

    def found(self) -> list[tuple[str, str]]:
        """The commands in the list."""
        return self._list.found()

    def action_move(self, by: int) -> None:
        """Highlight a neighbour."""
        self._list.move(by)

    def action_choose(self) -> None:
        """Run the highlighted one."""
        self.dismiss(self._list.chosen)

    def action_close(self) -> None:
        """Run nothing."""
        self.dismiss(None)
