"""The console: Textual's application with everything taken out that an appliance must not offer."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.events import Event, Key, Paste
from textual.worker import WorkerFailed

from screens.desk.bugs import Bugs
from screens.desk.start import Start
from screens.shell.failed_page import Lasting, page_of
from screens.shell.key_queue import GROUP, KeyQueue
from screens.shell.main import MainScreen
from screens.shell.pages import Pages
from screens.terminal.app import SlowLineApp
from screens.terminal.driver import SlowLineDriver
from screens.terminal.seam import forget_lines
from screens.widgets.pasting import NotTaken
from screens.widgets.theme import THEME
from tm_tui.clock import Clock, SystemClock

if TYPE_CHECKING:
    from textual.app import SystemCommand
    from textual.await_complete import AwaitComplete
    from textual.driver import Driver
    from textual.screen import Screen

    from screens.desk.agent import Connect
    from screens.desk.left import Left
    from screens.terminal.crash import Crash

__all__ = ["TmTui"]


class TmTui(Lasting, SlowLineApp[int], inherit_bindings=False):
    """No palette of Textual, no screenshot, suspend, link, file or clipboard, and no locals in a crash."""

    CSS_PATH = Path(__file__).with_suffix(".tcss")
    TITLE = "Threat Mitigator"
    ENABLE_COMMAND_PALETTE = False
    COMMANDS: ClassVar[set[Any]] = set()
    ALLOW_SELECT = False
    BINDINGS = SlowLineApp.BINDINGS
    own_folder = Path(__file__).parents[2]
    left: "Left | None" = None
    """Where the admin was when it crashed, for the console that takes its place."""

    def __init__(
        self,
        connect: "Connect",
        *,
        clock: Clock | None = None,
        tty: str = "",
        start: Start | None = None,
        driver_class: "type[Driver] | None" = None,
        draws_cursor: bool | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class, ansi_color=True)
        self.register_theme(THEME)
        self.set_reactive(SlowLineApp.theme, THEME.name)
        self.animation_level = "none"
        self.draws_cursor = driver_class is None if draws_cursor is None else draws_cursor
        """Textual's own drivers hide the terminal's cursor; ours shows it, and nothing is drawn then."""
        self._bugs = Bugs()
        self._main = MainScreen(connect, clock or SystemClock(), tty, start or Start())
        self.keys = KeyQueue(self, self._main, super().on_event)
        """What was typed and has not acted yet."""

    def get_default_screen(self) -> "Screen[Any]":
        """Start on the one screen."""
        return self._main

    @property
    def main(self) -> MainScreen:
        """The one screen."""
        return self._main

    def get_system_commands(self, screen: "Screen[Any]") -> "Iterable[SystemCommand]":  # noqa: ARG002  Textual's shape
        """None of Textual's own commands."""
        return ()

    def pop_screen(self) -> "AwaitComplete":
        """Take the screen in front away, with what was drawn of it: Textual keeps that for good."""
        forget_lines(self.screen)
        return super().pop_screen()

    def on_mount(self) -> None:
        """The first screen is there: keys may act."""
        self.run_worker(self.keys.hand_out(), group=GROUP)

    async def on_event(self, event: Event) -> None:
        """Put keys and pastes into their queue, and note that somebody is there."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            self._main.keyed()
            self.keys.put(event)
            return
        await super().on_event(event)
        if isinstance(event, Paste):
            self._main.tell("Not taken: nothing can be typed here.", wrong=True)

    def on_not_taken(self, event: NotTaken) -> None:
        """Say what is missing of a paste, whatever is in front."""
        self._main.tell(event.words, wrong=True)

    def crash_line(self, crash: "Crash") -> str:
        """Where it happened, and of what kind; never the values that were there."""
        from tm_tui.text import safe_text

        agent = "Its own agent ended with it." if self._main.private else "The agent goes on."
        return safe_text(f"{crash.line('tm-tui: the console ended')} {agent}")

    def contains(self, error: Exception) -> bool:
        """Show a page's own bug in the place of the page, and go on. False if it is not a page's."""
        if self.tells_all:
            return False
        page = page_of(error)
        if page is not None and isinstance(page.parent, Pages) and not page.failed:
            page.parent.replace(page, self.page_line(error))
        return page is not None

    def page_line(self, error: Exception) -> str:
        """What stands in the place of a page that failed; who works on the program is told all of it."""
        if self.tells_all:
            raise error
        what = "This page cannot be shown"
        return self._bugs.words(what, error, self.crash_folder, reports=self.crash_reports)

    def crashed(self, error: Exception) -> None:
        """End because of a bug, and note where the admin was; nothing is to go on if the end had begun."""
        first, ending = self.crash is None, self.ending
        cause = error.error if isinstance(error, WorkerFailed) else error
        cause = cause if isinstance(cause, Exception) else error
        if not ending and self.contains(cause):
            return
        super().crashed(cause)
        if first and not ending and self.crash is not None:
            self.left = self._main.leave_behind(str(self.crash.report or ""))

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
        if isinstance(self.terminal_driver, SlowLineDriver):
            return self.terminal_driver.session.describe()
        return f"{self.size.width}x{self.size.height}, Textual's own driver."
