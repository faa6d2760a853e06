"""F1: one page of plain words a screen, what the failures of a test on screen mean, and where to go next."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.geometry import Offset
from textual.screen import ModalScreen

from screens.desk.menu import Entry
from screens.desk.probing import Probing
from screens.widgets.block import Block
from screens.widgets.help_words import help_lines, help_text
from tm_tui.explain import explanation
from tm_tui.spoken import count

__all__ = ["HelpScreen"]


class _Text(Block, can_focus=True):
    """The rows in sight, with the cursor on the first: what reads along begins there."""

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset


class HelpScreen(ModalScreen[str | None], inherit_bindings=False):
    """A text to scroll; any of the usual keys closes it. The result is what opens a page that was chosen."""

    CSS_PATH = "help_screen.tcss"
    AUTO_FOCUS = "_Text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown,space", "scroll(10)", show=False),
        Binding("home", "scroll(-9999)", show=False),
        Binding("end", "scroll(9999)", show=False),
        Binding("escape,enter,f1,ctrl+g,f4,ctrl+o", "close", show=False),
        *(Binding(str(number), f"go({number})", show=False) for number in range(1, 10)),
    ]

    def __init__(self, name: str, probing: Probing | None, see_also: Sequence[Entry] = ()) -> None:
        super().__init__()
        self._see_also = tuple(see_also)
        self._text = _failures(probing) + help_text(name) + _also(self._see_also)
        self._view = _Text(classes="view")
        self._foot = Block(classes="foot")
        self._top = 0

    def compose(self) -> ComposeResult:
        """The text and a line that says how to go on."""
        with Vertical(classes="box"):
            yield self._view
            yield self._foot

    def on_resize(self, _: Resize) -> None:
        """Wrap to the new width."""
        self.call_after_refresh(self._draw)

    @property
    def words(self) -> str:
        """What is in sight, for those who drive it."""
        return self._view.shown.plain

    def action_scroll(self, by: int) -> None:
        """Move by rows."""
        self._top += by
        self._draw()

    def action_go(self, number: int) -> None:
        """Open a page of "See also"; a number that is not there does nothing."""
        if number <= len(self._see_also):
            self.dismiss(f"open('{self._see_also[number - 1].name}')")

    def action_close(self) -> None:
        """Back to where we were."""
        self.dismiss()

    def _draw(self) -> None:
        lines = help_lines(self._text, max(20, self._view.size.width))
        height = max(1, self._view.size.height)
        self._top = max(0, min(self._top, len(lines) - height))
        self._view.show(Content("\n").join(lines[self._top : self._top + height]))
        below = len(lines) - self._top - height
        more = f"{count(below, 'line')} below  " if below > 0 else ""
        go = f"1-{len(self._see_also)} see also, " if self._see_also else ""
        self._foot.show(Content(f"{more}{go}Up Down PgUp PgDn scroll, Esc closes"))


def _also(see_also: Sequence[Entry]) -> str:
    """The pages that go on from here, each with the key that opens it."""
    if not see_also:
        return ""
    return "\n".join(["", "# See also", "", *(f"{n}  {one.path}" for n, one in enumerate(see_also, 1)), ""])


def _failures(probing: Probing | None) -> str:
    failed = probing.failed if probing else ()
    parts = [
        f"# {step.code}\n\nStep: {step.step}\n\n{step.cause}\n\nWhat to do: {step.remedy}\n"
        f"{_explained(step.code)}"
        for step in failed
    ]
    if not parts:
        return ""
    return "\n".join([*parts, "`tm-tui explain CODE` says the same of every code.", "", ""])


def _explained(code: str | None) -> str:
    """What docs/failures.md says of it; the first paragraph is what stands above already."""
    _, _, rest = (explanation(code) or "" if code else "").partition("\n\n")
    return f"\n{rest}\n" if rest else ""
