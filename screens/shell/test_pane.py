"""The live test: failures first, each with what to do; Enter on one goes to the field that causes it."""

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Focus, Resize
from textual.geometry import Offset
from textual.message import Message

from screens.desk.probe_rows import ProbeRow, detailed_rows, rows_of
from screens.widgets.block import Block

if TYPE_CHECKING:
    from screens.desk.probing import Probing
    from tm_tui.api.agent import StepEvent

__all__ = ["TestPane"]

_STYLES = {"FAIL": "bold ansi_red", "ok": "ansi_green"}
_SERVERS = 2
"""Rows of a test that goes on or has passed, where there is no room for each step."""
_ALL_STEPS = 16


class TestPane(Block, can_focus=False):
    """Full width. It can be gone to while there is a failure to choose."""

    DEFAULT_CSS = "TestPane { height: 2; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,tab", "step(1)", show=False),
        Binding("up,shift+tab", "step(-1)", show=False),
        Binding("enter", "choose", show=False),
    ]
    __test__ = False  # its name looks like a test to pytest

    class Chosen(Message):
        """An admin wants to go to what made this step fail."""

        def __init__(self, step: "StepEvent") -> None:
            super().__init__()
            self.step = step

    class Left(Message):
        """The focus goes on from here, forwards or backwards."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self) -> None:
        super().__init__()
        self.most = _SERVERS
        """The rows that it may take."""
        self._rows: list[ProbeRow] = []
        self._top = self._mark = 0
        self._of: object = None
        self._marks = False
        """Whether the focus is here: the mark is shown."""

    def tell(self, probing: "Probing") -> None:
        """Show this test."""
        width = max(60, self.app.size.width)
        detailed = detailed_rows(probing, width)
        wide = self.most >= _ALL_STEPS
        self._rows = detailed if wide else rows_of(probing, width)
        if probing.started != self._of:
            self._of, self._top, self._mark = probing.started, 0, 0
        if wide and probing.running:
            self._top = len(self._rows)  # the newest step is in sight
        elif wide and probing.ended is not None and self._top >= len(self._rows):
            self._top = 0
        self._mark = min(self._mark, max(0, len(self._failures) - 1))
        self._grow(self.most if wide else max(_SERVERS, min(self.most, len(self._rows))))
        self._offer(bool(self._failures))
        self._draw()

    def _grow(self, rows: int) -> None:
        now = self.styles.height
        if now is None or now.value != rows:
            self.styles.height = rows

    def _offer(self, failed: bool) -> None:
        if self.can_focus and not failed and self.has_focus:
            self.post_message(self.Left(1))
        self.can_focus = failed

    @property
    def _failures(self) -> list[int]:
        """The rows that have failed steps."""
        return [at for at, row in enumerate(self._rows) if row.step is not None]

    def on_resize(self, _: Resize) -> None:
        """Fill the rows that it has now."""
        self._draw()

    def on_focus(self, _: Focus) -> None:
        """Show the mark."""
        self._marks = True
        self._go(self._mark)

    def on_blur(self, _: Blur) -> None:
        """Show it plain."""
        self._marks = False
        self._draw()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs: on the failure that Enter takes."""
        at = self._failures[self._mark] if self._failures else 0
        return self.region.offset + Offset(0, max(0, at - self._top))

    def enter(self, by: int) -> None:
        """The focus comes from the form: to the first failure, or backwards to the last."""
        self._mark = 0 if by > 0 else max(0, len(self._failures) - 1)

    def action_step(self, by: int) -> None:
        """To the next failure, or out."""
        if 0 <= self._mark + by < len(self._failures):
            self._go(self._mark + by)
        else:
            self.post_message(self.Left(by))

    def action_choose(self) -> None:
        """Go to the field."""
        if self._failures and (step := self._rows[self._failures[self._mark]].step) is not None:
            self.post_message(self.Chosen(step))

    def _go(self, mark: int) -> None:
        self._mark = mark
        if self._failures:
            self._top = self._failures[mark]
        self._draw()

    def scroll(self, by: int) -> None:
        """Look at earlier or later rows."""
        self._top += by
        self._draw()

    def _draw(self) -> None:
        height = max(1, self.size.height)
        marked = self._failures[self._mark] if self._marks and self._failures else -1
        self._top = max(0, min(self._top, len(self._rows) - height))
        seen = enumerate(self._rows[self._top : self._top + height], self._top)
        self.show(Content("\n").join(_drawn(row, marked=at == marked) for at, row in seen))


def _drawn(row: ProbeRow, *, marked: bool) -> Content:
    content = Content(">" + row.words[1:] if marked else row.words)
    style = _STYLES.get(row.word)
    return content.stylize(style, 1, 1 + len(row.word)) if style else content
