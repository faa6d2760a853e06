"""The console: Textual's application with everything taken out that an appliance must not offer."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from secrets import token_hex
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.events import Event, Key, Paste
from textual.worker import WorkerFailed

from screens.agent import Connect, Connection
from screens.fill import read_fill
from screens.main import MainScreen
from screens.private import Private
from screens.terminal.crash import write_report
from screens.terminal.driver import SlowLineDriver
from screens.theme import THEME
from tm_tui.clock import Clock, SystemClock
from tm_tui.control.client import ControlClient
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from textual.driver import Driver
    from textual.screen import Screen

    from screens.draft import Value
    from tm_tui.paths import Home

__all__ = ["TmTui", "run"]


class TmTui(App[int], inherit_bindings=False):
    """No palette of Textual, no screenshot, suspend, link, file or clipboard, and no locals in a crash."""

    CSS_PATH = Path(__file__).with_suffix(".tcss")
    TITLE = "Threat Mitigator"
    ENABLE_COMMAND_PALETTE = False
    COMMANDS: ClassVar[set[Any]] = set()
    ALLOW_SELECT = False
    BINDINGS = [Binding("ctrl+l", "redraw", show=False, priority=True)]  # noqa: RUF012  as Textual declares it

    def __init__(
        self,
        connect: Connect,
        *,
        clock: Clock | None = None,
        tty: str = "",
        fill: "Mapping[str, Value] | None" = None,
        driver_class: "type[Driver] | None" = None,
        draws_cursor: bool | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class, ansi_color=True)
        self.register_theme(THEME)
        self.set_reactive(App.theme, THEME.name)
        self.animation_level = "none"
        self.draws_cursor = driver_class is None if draws_cursor is None else draws_cursor
        """Textual's own drivers hide the terminal's cursor; ours shows it, and nothing is drawn then."""
        self._main = MainScreen(connect, clock or SystemClock(), tty, fill or {})

    def get_default_screen(self) -> "Screen[Any]":
        """Start on the one screen."""
        return self._main

    @property
    def main(self) -> MainScreen:
        """The one screen."""
        return self._main

    def get_system_commands(self, screen: "Screen[Any]") -> Iterable[SystemCommand]:  # noqa: ARG002  Textual's shape
        """None of Textual's own commands."""
        return ()

    async def on_event(self, event: Event) -> None:
        """Note that somebody is there: keys and pastes, and nothing that the agent sends."""
        if isinstance(event, Key | Paste):
            self._main.keyed()
        await super().on_event(event)

    def action_redraw(self) -> None:
        """^L: paint everything anew, for a screen that something else wrote on."""
        if isinstance(self._driver, SlowLineDriver):
            self._driver.redraw()
        self.screen.refresh(layout=True)

    def _handle_exception(self, error: Exception) -> None:
        """End with one clear line; Textual would print every local variable, passwords among them."""
        self._return_code = 1
        if self._exception is None:
            self._exit_renderables.append(_crash_line(error, write_report(error)))
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        for line in dict.fromkeys(str(line) for line in self._exit_renderables):
            print(line, file=sys.stderr)
        self._exit_renderables.clear()

    @contextmanager
    def suspend(self) -> Iterator[None]:
        """Not on an appliance."""
        yield

    def action_suspend_process(self) -> None:
        """Not on an appliance."""

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """Not on an appliance."""

    def copy_to_clipboard(self, text: str) -> None:
        """Not on an appliance: the terminal would be told by an escape sequence."""

    def deliver_text(self, *args: Any, **kwargs: Any) -> None:
        """Not on an appliance."""

    def deliver_binary(self, *args: Any, **kwargs: Any) -> None:
        """Not on an appliance."""

    def save_screenshot(self, *args: Any, **kwargs: Any) -> str:  # noqa: ARG002  Textual's shape
        """Not on an appliance: no file is written."""
        return ""

    @property
    def terminal(self) -> str:
        """How this terminal is driven, and why, in a sentence or two."""
        if isinstance(self._driver, SlowLineDriver):
            return self._driver.session.describe()
        return f"{self.size.width}x{self.size.height}, Textual's own driver."


def _crash_line(error: BaseException, report: Path | None) -> str:
    """Where it happened, and of what kind; never the values that were there."""
    error = error.error if isinstance(error, WorkerFailed) else error
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(error.__traceback__)]
    ours = [found for found in frames if found[0].is_relative_to(Path(__file__).parents[1])] or frames
    place = f"{ours[-1][0].name}:{ours[-1][1]}" if ours else "an unknown place"
    kind = type(error).__name__
    more = f" The report is in {report}." if report else ""
    line = f"tm-tui: the console ended because of a bug ({kind} at {place}). The agent goes on.{more}"
    return safe_text(line)


def run(home: "Home", *, fill: Path | None = None) -> int:
    """Show the console of this home until the admin leaves. Returns the exit code (0 done, 1 it failed).

    Without an agent a private one is started. `fill` is a settings.toml whose values stand on the form,
    unsaved. Raises TmError when `fill` cannot be read or the control socket's path is too long.
    """
    values = read_fill(fill) if fill else {}
    return asyncio.run(_run(home, values))


async def _run(home: "Home", fill: "Mapping[str, Value]") -> int:
    socket, identity = home.control_socket, token_hex(8)
    async with Private(home) as private:

        @asynccontextmanager
        async def connect() -> AsyncIterator[Connection]:
            ours = await private.ready()
            async with ControlClient(socket, session=identity) as client:
                yield Connection(client, ours)

        app = TmTui(connect, tty=_tty_name(), fill=fill, driver_class=SlowLineDriver)
        code = await app.run_async(mouse=False)
    return code if code is not None else app.return_code or 0


def _tty_name() -> str:
    try:
        return os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    except (OSError, ValueError):
        return ""
