"""A base class for apps on slow lines.

The driver, ^L, the terminal's own cursor, and a crash that tells no secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.app import App
from textual.binding import Binding, BindingType

from screens.terminal.crash import last_line, write_report
from screens.terminal.driver import SlowLineDriver
from screens.terminal.options import TerminalOptions

if TYPE_CHECKING:
    from pathlib import Path

    from textual.driver import Driver

ReturnType = TypeVar("ReturnType")


class SlowLineApp(App[ReturnType], Generic[ReturnType]):
    """An app whose bytes are counted.

    Set ``terminal_options`` on the class or on the instance before ``run``.
    """

    terminal_options: TerminalOptions = TerminalOptions()
    crash_folder: Path | None = None
    """Where crash reports go (None: the folder for temporary files)."""
    crash_report: Path | None = None
    """The report of the crash that ended this app, once there is one."""

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
        """Send the whole screen again."""
        if isinstance(self._driver, SlowLineDriver):
            self._driver.redraw()

    @property
    def terminal_description(self) -> str:
        """What was chosen for this terminal and why, for an About screen; "" while there is none."""
        return self._driver.session.describe() if isinstance(self._driver, SlowLineDriver) else ""

    def _handle_exception(self, error: Exception) -> None:
        if self._exception is None:
            self.crash_report = write_report(error, self.crash_folder)
            self._exit_renderables.append(last_line(error, self.crash_report))
            self._exception = error
            self._exception_event.set()
        self._return_code = 1
        self._close_messages_no_wait()
