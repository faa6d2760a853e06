"""The live test: one row a step as it comes, and for a failure its cause and its remedy."""

from textwrap import wrap
from typing import TYPE_CHECKING

from textual.content import Content
from textual.events import Resize

from screens.widgets.block import Block

if TYPE_CHECKING:
    from screens.desk.probing import Probing
    from tm_tui.api.agent import StepEvent

__all__ = ["TestPane", "step_lines"]

_OUTCOMES = {"started": "..", "passed": "ok", "failed": "FAIL"}
_INDENT = 6


class TestPane(Block):
    """Full width; follows the newest step, and rests on the first failure when the test is over."""

    DEFAULT_CSS = "TestPane { height: 4; }"
    __test__ = False  # its name looks like a test to pytest

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Content] = []
        self._failure = 0
        self._top: int | None = None

    def tell(self, probing: "Probing") -> None:
        """Show this test."""
        width = max(60, self.app.size.width)
        self._lines, self._failure = [], 0
        for step in (step for step in probing.steps if step.outcome != "skipped"):
            if step.outcome == "failed" and not self._failure:
                self._failure = len(self._lines)
            self._lines += step_lines(step, width)
        if probing.broken:
            self._failure = self._failure or len(self._lines)
            self._lines += _explained("", *probing.broken, width)
        if probing.running:
            self._top = None
        elif self._top is None and (probing.failed or probing.broken):
            self._top = self._failure
        self._draw()

    def on_resize(self, _: Resize) -> None:
        """Fill the rows that it has now."""
        self._draw()

    def scroll(self, by: int) -> None:
        """Look at earlier or later rows."""
        self._top = self._first() + by
        self._draw()

    def _first(self) -> int:
        last = max(0, len(self._lines) - max(1, self.size.height))
        return last if self._top is None else min(last, max(0, self._top))

    def _draw(self) -> None:
        top = self._first()
        self._top = None if self._top is None else top
        self.show(Content("\n").join(self._lines[top : top + max(1, self.size.height)]))

    @property
    def more(self) -> bool:
        """Whether rows stand above or below those in sight."""
        return len(self._lines) > max(1, self.size.height)


def step_lines(step: "StepEvent", width: int) -> list[Content]:
    """A step as rows: its own, and for a failure the cause and what to do."""
    server, _, stage = step.step.partition(".")
    word = _OUTCOMES[step.outcome]
    style = {"failed": "bold ansi_red", "passed": "ansi_green"}.get(step.outcome, "")
    took = f"{step.seconds * 1000:.0f} ms" if step.outcome in {"passed", "failed"} else ""
    detail = (step.code or "") if step.outcome == "failed" else step.detail
    room = width - 48
    if len(detail) > room:
        detail = detail[: room - 1] + "…"
    row = Content.assemble(
        " ",
        (word, style),
        " " * (5 - len(word)),
        f"{server.replace('_', ' '):<15}{stage.replace('_', ' '):<16}",
        f"{detail:<{room}}{took:>10}",
    )
    if step.outcome != "failed":
        return [row]
    return [
        row,
        *_explained(step.detail if not step.cause else "", step.cause or "", step.remedy or "", width),
    ]


def _explained(detail: str, cause: str, remedy: str, width: int) -> list[Content]:
    words = " ".join(part for part in (detail, cause, remedy) if part)
    return [Content(" " * _INDENT + line) for line in wrap(words, width - _INDENT - 2)]
