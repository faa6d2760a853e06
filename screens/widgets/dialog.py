"""Questions: a box with words and choices. The safe choice is the one that Esc and a hasty Enter take."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widget import Widget

from screens.question import Question
from screens.widgets.block import Block

__all__ = ["Choice", "Dialog", "notice"]


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
    ]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question
        self._body = Block(classes="body")
        self._body.show(Content("\n".join(question.lines)))

    def compose(self) -> ComposeResult:
        """Title, words, answers."""
        title = Block(classes="title")
        title.show(Content.styled(self._question.title, "bold"))
        with Vertical(classes="box"):
            yield title
            yield self._body
            yield Horizontal(*(Choice(*answer) for answer in self._question.answers), classes="answers")
            yield from self.below()

    def below(self) -> Iterable[Widget]:
        """What else the box has."""
        return ()

    @property
    def words(self) -> str:
        """All that it says, for those who drive it."""
        return f"{self._question.title}\n{self._body.shown.plain}"

    def action_answer(self) -> None:
        """Take the focused answer."""
        if isinstance(self.focused, Choice):
            self.dismiss(self.focused.answer)

    def action_safe(self) -> None:
        """Take the first answer."""
        self.dismiss(self._question.answers[0][0])


def notice(words: str) -> Dialog:
    """Words that do not fit on one line, under what stands before their colon."""
    return Dialog(Question(words.partition(":")[0], [words], [("close", "Close")]))
