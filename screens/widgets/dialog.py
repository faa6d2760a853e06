"""Questions: a box with words and choices. The safe choice is the one that Esc and a hasty Enter take."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widget import Widget

from screens.desk.desk import Question
from screens.widgets.block import Block

__all__ = ["Choice", "Dialog", "notice"]

_WIDTH, _MOST_WORDS = 64, 14
_FRAME = 5
"""Rows of border, title and the empty ones between title, words and answers."""


class Choice(Widget, can_focus=True):
    """One answer."""

    DEFAULT_CSS = "Choice { height: 1; width: auto; margin-right: 2; text-wrap: nowrap; }"
    ALLOW_SELECT = False

    def __init__(self, answer: str, label: str) -> None:
        super().__init__(markup=False)
        self.answer = answer
        self.label = label

    def render(self) -> Content:
        """Reverse while it is the one that Enter takes."""
        return Content.styled(f"[ {self.label} ]", "reverse" if self.has_focus else "")

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(2, 0)


class Dialog(ModalScreen[str], inherit_bindings=False):
    """Ask; the result is the answer's word. The first answer is the safe one."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up,shift+tab", "app.focus_previous", show=False),
        Binding("right,down,tab", "app.focus_next", show=False),
        Binding("enter,space", "answer", show=False),
        Binding("escape", "safe", show=False),
        Binding("pageup", "scroll(-1)", show=False),
        Binding("pagedown", "scroll(1)", show=False),
    ]
    BELOW = 0
    """Rows of what else the box has."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question
        self._title = Block(classes="title")
        self._title.show(Content.styled(question.title, "bold"))
        self._body = Block(classes="body")
        self._body.show(Content("\n".join(question.lines)))
        self._words = Vertical(self._body, classes="words")
        self._answers = Horizontal(*(Choice(*answer) for answer in question.answers), classes="answers")

    def on_mount(self) -> None:
        """Stand on the answer that was asked for."""
        for choice in self.query(Choice):
            if choice.answer == self._question.start:
                self.set_focus(choice)

    def compose(self) -> ComposeResult:
        """Title, words, answers."""
        with Vertical(classes="box"):
            yield self._title
            yield self._words
            yield self._answers
            yield from self.below()

    def below(self) -> Iterable[Widget]:
        """What else the box has."""
        return ()

    def on_resize(self, event: Resize) -> None:
        """Keep the answers in sight: below each other where they are too wide, and the words scroll."""
        widths = [len(f"[ {label} ]  ") for _, label in self._question.answers]
        stacked = sum(widths) > min(_WIDTH, event.size.width * 96 // 100) - 4
        self.set_class(stacked, "-stacked")
        room = event.size.height - _FRAME - (len(widths) if stacked else 1) - self.BELOW
        self._words.styles.max_height = max(1, min(_MOST_WORDS, room))
        self.call_after_refresh(self._tell_more)

    def _tell_more(self) -> None:
        more = "  (Page Up, Page Down: more)" if self._words.max_scroll_y else ""
        self._title.show(Content.assemble((self._question.title, "bold"), more))

    @property
    def words(self) -> str:
        """All that it says, for those who drive it."""
        return f"{self._question.title}\n{self._body.shown.plain}"

    def action_answer(self) -> None:
        """Take the focused answer."""
        if isinstance(self.focused, Choice):
            self.dismiss(self.focused.answer)

    def action_scroll(self, pages: int) -> None:
        """Read what did not fit."""
        self._words.scroll_relative(y=pages * max(1, self._words.size.height - 1), animate=False, force=True)

    def action_safe(self) -> None:
        """Take the first answer."""
        self.dismiss(self._question.answers[0][0])


def notice(words: str) -> Dialog:
    """Words that do not fit on one line, under what stands before their colon."""
    return Dialog(Question(words.partition(":")[0], [words], [("close", "Close")]))
