"""One field of a form, one row high: label, sign and control in a single widget, which keeps forms cheap."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.events import Blur
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from screens.desk.draft import Value
from screens.desk.forms import Slot
from tm_tui.errors import Problem
from tm_tui.settings.fields import FieldSpec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LABEL_WIDTH", "Field"]

LABEL_WIDTH = 15
_USUAL, _WIDEST = 80, 64
"""The columns for which the cells of a field are meant, and the most that it has on wider terminals."""


class Field(Widget, can_focus=True):
    """The base: `>` marks the focus, `!` a wrong value, `~` a changed one."""

    DEFAULT_CSS = """
    Field { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: clip; }
    Field.-narrow { width: auto; }
    """
    ALLOW_SELECT = False

    problem: reactive[Problem | None] = reactive(None)
    changed: reactive[bool] = reactive(False)
    read_only: reactive[bool] = reactive(False)

    @dataclass
    class Left(Message):
        """The cursor went out: it may be checked now."""

        field: "Field"

    def __init__(self, spec: FieldSpec, slot: Slot) -> None:
        super().__init__(classes="-narrow" if slot.narrow else None, markup=False)
        self.spec = spec
        self.slot = slot
        self.touched = False
        """Left at least once, or found wrong: from then on it is checked at each change."""
        self.on_edit: Callable[[Field], None] = _nobody
        """Called at once, no message later: the next key may be F2, and what it saves must have this edit."""

    @property
    def value(self) -> Value:
        """What it holds."""
        raise NotImplementedError

    def put(self, value: Value) -> None:
        """Show this value, coming from the draft."""
        raise NotImplementedError

    def control(self, *, focused: bool) -> Content:
        """The part behind the label."""
        raise NotImplementedError

    def cursor_cell(self) -> int:
        """Cells between the control's start and the cursor."""
        return 0

    @property
    def label(self) -> str:
        """The words before the control."""
        return self.slot.label or self.spec.label

    @property
    def cells(self) -> int:
        """How many cells its control has: fewer where there is no room for more, more on a wide terminal."""
        if self.slot.narrow:
            return self.slot.cells
        wanted = min(_WIDEST, self.slot.cells + max(0, self.app.size.width - _USUAL))
        return max(1, min(wanted, self.size.width - 3 - LABEL_WIDTH))

    @property
    def draws_cursor(self) -> bool:
        """Whether the cursor must be drawn, because the terminal's own stays hidden."""
        return bool(getattr(self.app, "draws_cursor", True))

    def edited(self) -> None:
        """Repaint and tell the form."""
        self.refresh()
        self.on_edit(self)

    def render(self) -> Content:
        """Sign, label, marker, control: the marker close to the cursor, which leaves it as often."""
        label = self.label if self.slot.narrow else f"{self.label:<{LABEL_WIDTH}}"
        return Content.assemble(self.sign(), label, self.marker(), self.control(focused=self.has_focus))

    def marker(self) -> Content:
        """Where the focus is."""
        return Content(">" if self.has_focus else " ")

    def sign(self) -> Content:
        """Wrong, changed, or as saved."""
        if self.problem:
            return Content.styled("!", "bold ansi_red")
        return Content("~" if self.changed else " ")

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs: where the next key goes."""
        start = 2 + (len(self.label) if self.slot.narrow else LABEL_WIDTH)
        return self.region.offset + Offset(start + self.cursor_cell(), 0)

    def on_blur(self, _: Blur) -> None:
        """Tell the form, which checks the value."""
        self.touched = True
        self.post_message(self.Left(self))


def _nobody(_: Field) -> None:
    """Stand in until a form takes the field."""
