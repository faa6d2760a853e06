"""A base class for apps on slow lines.

The driver, ^L, the terminal's own cursor, and a crash that tells no secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType

from screens.terminal.driver import SlowLineDriver
from screens.terminal.options import TerminalOptions
from screens.terminal.seam import SeamApp, layout_due

if TYPE_CHECKING:
    from pathlib import Path

    from textual.driver import Driver

    from screens.terminal.crash import Crash

ReturnType = TypeVar("ReturnType")


class SlowLineApp(SeamApp[ReturnType], Generic[ReturnType]):
    """An app whose bytes are counted.

    Set ``terminal_options`` on the class or on the instance before ``run``.
    """

    terminal_options: TerminalOptions = TerminalOptions()
    crash_folder: Path | None = None
    """Where crash reports go (None: the folder for temporary files)."""
    crash_reports: bool = True
    """Whether a crash leaves a file at all."""
    own_folder: Path | None = None
    """The folder of the program's own code, in which a crash is placed."""
    crash: Crash | None = None
    """The crash that ended this app, once there is one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "redraw_all", "Redraw", show=False, priority=True)
    ]
    DEFAULT_CSS = """
    Input > .input--cursor, TextArea > .text-area--cursor {
        background: transparent !important;
        color: $foreground !important;
        text-style: none !important;
    }
    """

    def get_driver_class(self) -> type[Driver]:
        """Always ours: no variable of the environment may bring in another."""
        return SlowLineDriver

    def action_redraw_all(self) -> None:
        """Send the whole screen again, for one that something else wrote on."""
        if isinstance(self.terminal_driver, SlowLineDriver):
            self.terminal_driver.redraw()
        self.screen.refresh(layout=True)

    def settled(self) -> None:
        """Send what is there now: no more changes come at once, but something that keeps the loop busy."""
        if isinstance(self.terminal_driver, SlowLineDriver):
            self.terminal_driver.settled()

    @property
    def layout_due(self) -> bool:
        """Whether a new layout is due, so that sizes may be others than those known."""
        return layout_due(self)

    @property
    def terminal_description(self) -> str:
        """What was chosen for this terminal and why, for an About screen; "" while there is none."""
        return (
            self.terminal_driver.session.describe()
            if isinstance(self.terminal_driver, SlowLineDriver)
            else ""
        )

    def crash_line(self, crash: Crash) -> str:
        """The one line that a crash leaves on the terminal."""
        return crash.line("The program stopped")

    def crashed(self, error: Exception) -> None:
        """End because of a bug: one line and a report. Textual would print every local variable."""
        if self.tells_all:
            super().crashed(error)
            return
        line = ""
        if not self.failed:
            from screens.terminal.crash import note

            self.crash = note(error, self.crash_folder, self.own_folder, report=self.crash_reports)
            line = self.crash_line(self.crash)
        self.end_with(error, line)
