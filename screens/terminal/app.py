"""A base class for apps on slow lines.

The driver, ^L, the terminal's own cursor, and a crash that tells no secrets.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.app import App
from textual.binding import Binding, BindingType

from screens.terminal.driver import SlowLineDriver, layout_due
from screens.terminal.options import TerminalOptions

if TYPE_CHECKING:
    from pathlib import Path

    from textual.driver import Driver

    from screens.terminal.crash import Crash

ReturnType = TypeVar("ReturnType")


class SlowLineApp(App[ReturnType], Generic[ReturnType]):
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
        if isinstance(self._driver, SlowLineDriver):
            self._driver.redraw()
        self.screen.refresh(layout=True)

    def settled(self) -> None:
        """Send what is there now: no more changes come at once, but something that keeps the loop busy."""
        if isinstance(self._driver, SlowLineDriver):
            self._driver.settled()

    @property
    def layout_due(self) -> bool:
        """Whether a new layout is due, so that sizes may be others than those known."""
        return layout_due(self)

    @property
    def terminal_description(self) -> str:
        """What was chosen for this terminal and why, for an About screen; "" while there is none."""
        return self._driver.session.describe() if isinstance(self._driver, SlowLineDriver) else ""

    def crash_line(self, crash: Crash) -> str:
        """The one line that a crash leaves on the terminal."""
        return crash.line("The program stopped")

    def crashed(self, error: Exception) -> None:
        """End because of a bug: one line and a report. Textual would print every local variable."""
        self._return_code = 1
        if self._exception is None:
            from screens.terminal.crash import note

            self.crash = note(error, self.crash_folder, self.own_folder, report=self.crash_reports)
            self._exit_renderables.append(self.crash_line(self.crash))
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def _handle_exception(self, error: Exception) -> None:
        self.crashed(error)

    def _print_error_renderables(self) -> None:
        with suppress(OSError):  # the line may be gone
            for line in dict.fromkeys(str(line) for line in self._exit_renderables):
                print(line, file=sys.stderr)
        self._exit_renderables.clear()
