"""^P: the permitted commands and the screens, found by typing a part of their name. Nothing else is in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen

from screens.widgets.block import Block

if TYPE_CHECKING:
    from screens.keys import Key as CommandKey
    from screens.menu import Entry

__all__ = ["Palette"]

_ROWS = 10


class Palette(ModalScreen[str | None], inherit_bindings=False):
    """The result is the action of the chosen command, or None."""

    CSS_PATH = "palette.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "move(-1)", show=False),
        Binding("down,tab", "move(1)", show=False),
        Binding("enter", "choose", show=False),
        Binding("escape,ctrl+p", "close", show=False),
        Binding("backspace", "erase", show=False),
        Binding("ctrl+u", "clear", show=False),
    ]

    def __init__(self, keys: Sequence["CommandKey"], entries: Sequence["Entry"]) -> None:
        super().__init__()
        self._commands = [(f"{key.label}  {key.name}", key.action) for key in keys]
        self._commands += [(f"Open {entry.path}", f"open('{entry.name}')") for entry in entries]
        self._typed = ""
        self._at = 0
        self._view = Block(classes="view")

    def compose(self) -> ComposeResult:
        """One box."""
        with Vertical(classes="box"):
            yield self._view

    def on_mount(self) -> None:
        """Show all."""
        self._draw()

    def found(self) -> list[tuple[str, str]]:
        """The commands whose name holds what was typed."""
        wanted = self._typed.casefold()
        return [command for command in self._commands if wanted in command[0].casefold()]

    def on_key(self, event: Key) -> None:
        """Narrow the list."""
        if event.is_printable and event.character is not None:
            event.stop()
            self._retype(self._typed + event.character)

    def action_erase(self) -> None:
        """Widen it again."""
        self._retype(self._typed[:-1])

    def action_clear(self) -> None:
        """Show all again."""
        self._retype("")

    def action_move(self, by: int) -> None:
        """Highlight a neighbour."""
        self._at = max(0, min(len(self.found()) - 1, self._at + by))
        self._draw()

    def action_choose(self) -> None:
        """Run the highlighted one."""
        found = self.found()
        self.dismiss(found[self._at][1] if found else None)

    def action_close(self) -> None:
        """Run nothing."""
        self.dismiss(None)

    def _retype(self, text: str) -> None:
        self._typed, self._at = text[:40], 0
        self._draw()

    def _draw(self) -> None:
        found = self.found()
        top = max(0, min(self._at - _ROWS + 1, len(found) - _ROWS))
        rows = [
            Content.styled(
                f"{'>' if at == self._at else ' '} {name:<54}", "reverse" if at == self._at else ""
            )
            for at, (name, _) in enumerate(found)
        ][top : top + _ROWS]
        rows += [Content("")] * (_ROWS - len(rows))
        self._view.show(Content("\n").join([Content.assemble(("Command: ", "bold"), self._typed), *rows]))
