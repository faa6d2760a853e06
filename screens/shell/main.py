"""The one screen: header, menu, page, test pane, status panel, keys; and the commands."""

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from screens.desk import keys, menu
from screens.desk.notices import Notice
from screens.shell.failures import Failures
from screens.shell.frame import Frame
from screens.shell.menu_tree import MenuTree
from screens.shell.pages import Pages
from screens.widgets.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textual.events import DescendantFocus, Resize, ScreenResume, ScreenSuspend
    from textual.screen import ModalScreen

    from screens.desk.agent import Connect
    from screens.desk.left import Left
    from screens.desk.menu import Entry
    from screens.desk.start import Start
    from tm_tui.clock import Clock
    from tm_tui.errors import Problem

__all__ = ["MainScreen"]


class MainScreen(Failures, inherit_bindings=False):
    """All that is in sight."""

    CSS_PATH = "main.tcss"
    AUTO_FOCUS = "MenuTree"
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings(),
        Binding("escape", "back", show=False),
        Binding("ctrl+p", "palette", show=False),
        Binding("pageup", "scroll_test(-1)", show=False),
        Binding("pagedown", "scroll_test(1)", show=False),
    ]

    def __init__(self, connect: "Connect", clock: "Clock", tty: str, start: "Start") -> None:
        super().__init__(connect, clock)
        self._start = start
        self._entries = menu.entries()
        self._menu = MenuTree(self._entries)
        self._pages = Pages(self._entry(start.entry))
        self._frame = Frame(tty)
        self.rest = Rest(self)

    def compose(self) -> ComposeResult:
        """Lay out the parts from top to bottom."""
        frame = self._frame
        frame.tell_status(self.seen, self.clock.monotonic())
        self._pages.told_status(self.seen, self.clock.monotonic())
        yield frame.header
        yield frame.top
        yield Horizontal(self._menu, self._pages, id="body")
        yield frame.test_bar
        yield frame.test_pane
        yield frame.bottom
        yield frame.panel
        yield frame.footer

    def on_mount(self) -> None:
        """Start the one ticker."""
        self.set_interval(1.0, self._tick)
        self._menu.highlight(self._entry(self._start.entry))
        if self._start.wrong:  # in the line alone: the box comes once, with the agent's answer
            self._put(Notice(self._start.words, wrong=True, at=self.clock.monotonic()))

    # What the parts are told --------------------------------------------------------------------------------

    def watch_seen(self) -> None:
        """A snapshot came or went."""
        self._tick()

    def watch_draft(self) -> None:
        """A value was typed, saved or taken over."""
        self._pages.told_draft(self.draft)
        self._menu.marked = frozenset(self._changed_entries())
        self.edits_on(tuple(sorted(self._menu.marked)))
        self._retitle()
        self.mind_notice()
        self.watch_probing()

    def watch_probing(self) -> None:
        """A step came, or the test ended."""
        form, now = self._working_on_form, self.clock.monotonic()
        self._frame.tell_probing(self.probing, self.draft, now, shown=form)

    def watch_session(self) -> None:
        """The role says what may be done."""
        self._frame.who(self.session, private=self.private)
        self._pages.told_role(read_only=self.read_only)
        self._pages.told_status(self.seen, self.clock.monotonic())
        self._retitle()

    def watch_private(self) -> None:
        """The header says whose agent it is."""
        self._frame.who(self.session, private=self.private)

    def _tick(self) -> None:
        now = self.clock.monotonic()
        self._frame.tell_status(self.seen, now)
        self._pages.told_status(self.seen, now)
        self.mind_notice()
        self._menu.counts = menu.counts(self._entries, None if self.seen.stale else self.seen.status)
        self.attend(now)
        if self.probing is not None and self.probing.running:
            self.watch_probing()

    def _retitle(self) -> None:
        if not self.is_mounted:
            return
        self._frame.share(self._menu, self.size.width, working=self.working)
        changed = [key for key in self._pages.edited() if self.draft and key in self.draft.changed()]
        self._frame.tell_place(self._pages.entry.path, len(changed), self.draft)
        self._pages.told_work(working=self.working)
        if self.is_active:  # else a question above has keys of its own
            working = [key for key in keys.KEYS if self.check_action(key.action, ())]
            shown = [keys.DECIDES if self.may_try and key.action == "on_trial" else key for key in working]
            self._frame.tell_keys(shown, self._hint())

    def _hint(self) -> str:
        if not self.working:
            return "" if self.page.first() is None else "Enter Open"
        back = "" if self.check_action("save", ()) else "Esc Back"  # forms have a button for Esc
        return f"{back}  {self.page.HINT}".strip()

    def _changed_entries(self) -> "Iterator[str]":
        changed = set(self.draft.changed() if self.draft else ())
        return (one.name for one in self._entries if changed and changed & set(self._pages.keys_of(one)))

    # Menu and pages -----------------------------------------------------------------------------------------

    async def on_menu_tree_highlighted(self, event: MenuTree.Highlighted) -> None:
        """Show its page once the mark rests there."""
        if event.moved:
            self.rest.begin(self._look)
        else:
            self.rest.end()
            await self._look()

    async def _look(self) -> None:
        if self.working:
            return  # it was highlighted because its page was opened
        await self._pages.look_at(self._menu.entry, self)
        self.mind_notice()
        self._retitle()
        self.watch_probing()

    async def on_menu_tree_opened(self, event: MenuTree.Opened) -> None:
        """Go to work on the page."""
        await self._open(event.entry)

    async def _open(self, entry: "Entry") -> None:
        self._menu.highlight(entry)
        await self._pages.open(entry, self)
        if self.page.first() is None:
            self._menu.take_focus()
        self.mind_notice()
        self._retitle()
        self.watch_probing()

    def on_descendant_focus(self, _: "DescendantFocus") -> None:
        """Show the keys that work here."""
        self._retitle()

    def on_screen_suspend(self, _: "ScreenSuspend") -> None:
        """A question opens above: other keys work now."""
        self._frame.footer.say("Arrow keys choose, Enter takes, Esc closes")

    def on_screen_resume(self, _: "ScreenResume") -> None:
        """Back at the desk."""
        self._retitle()

    def on_resize(self, event: "Resize") -> None:
        """Share the rows between page and test pane."""
        self._frame.resize(event.size.height)
        self._retitle()
        self.watch_probing()

    async def begin(self) -> None:
        """Put the values that were given into the form, as if they had been typed."""
        for key, value in self._start.values.items():
            self.edit(key, value)
        if self._start.working:
            await self._open(self._entry(self._start.entry))
        if self._start.words:
            self.tell(self._start.words, wrong=self._start.wrong, everywhere=True)

    def leave_behind(self, report: str) -> "Left":
        """Where the admin is and what is typed, for a console that takes this one's place."""
        from screens.desk.left import Left

        return Left.of(self.draft, self._start, self._menu.entry.name, working=self.working, report=report)

    def _entry(self, name: str) -> "Entry":
        return next((entry for entry in self._entries if entry.name == name), self._entries[0])

    # The desk of the flows ----------------------------------------------------------------------------------

    @property
    def working(self) -> bool:
        """Whether the keys go to the page, not to the menu."""
        return self.focused is not self._menu

    @property
    def _working_on_form(self) -> bool:
        return self.working and "test" in self._pages.actions()

    def go_to_problems(self, problems: "Mapping[str, Problem]") -> None:
        """Open the form that has the first of these fields, and mark them there."""
        theirs = (one for one in self._entries if problems.keys() & set(self._pages.keys_of(one)))
        if entry := next(theirs, None):
            self._go_to_problems(entry, problems)

    @work(exclusive=True, group="problems")
    async def _go_to_problems(self, entry: "Entry", problems: "Mapping[str, Problem]") -> None:
        self.take_notice_along(entry.name)
        if not self.working or not problems.keys() & set(self._pages.edited()):
            await self._open(entry)
        self.page.mark(problems)

    # Commands -----------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is permitted here, and nothing else."""
        if action in {"save", "test", "send"}:
            may = not self.read_only and action in self._pages.actions()
            return may and (self.working or action == "send")
        return self.working if action == "menu" else super().check_action(action, parameters)

    def action_menu(self) -> None:
        """F4: back to the menu; what was typed stays."""
        self._menu.take_focus()

    @work(exclusive=True, group="leave")
    async def action_back(self) -> None:
        """Esc: cancel a test or put it away, else leave the form, asking first when something was typed."""
        if self.probing is not None and self.probing.running:
            self.cancel_test()
            return
        if self.close_test():
            return
        changed = [key for key in self._pages.edited() if self.draft and key in self.draft.changed()]
        if self.working and changed:
            from screens.flows.leaving import discard_asked

            if not await discard_asked(self, changed) or self.draft is None:
                return
            self.draft = self.draft.without(changed)
        self._menu.take_focus()

    @work(exclusive=True, group="leave")
    async def action_leave(self) -> None:
        """F10."""
        if changed := self.draft.changed() if self.draft else ():
            from screens.flows.leaving import leaving_asked

            if not await leaving_asked(self, changed):
                return
        if self.ends_sending:
            from screens.flows.leaving import ENDED, ending_asked

            if await ending_asked(self):
                self.app.exit(0, message=ENDED)
            return
        self.app.exit(0)

    def action_help(self) -> None:
        """F1: the page's help, and what a failure of the test means."""
        from screens.pages.help_screen import HelpScreen

        probing = self.probing if self._working_on_form else None
        self._run_chosen(HelpScreen(self._pages.help(), probing, menu.beside(self._pages.entry)))

    def action_palette(self) -> None:
        """^P: every permitted command and every screen by name."""
        from screens.shell.palette import Palette

        commands = [key for key in keys.KEYS if self.check_action(key.action, ())]
        self._run_chosen(Palette(commands, self._entries))

    @work(exclusive=True, group="palette")
    async def _run_chosen(self, screen: "ModalScreen[str | None]") -> None:
        if action := await self.app.push_screen_wait(screen):
            await self.run_action(action)

    async def action_open(self, name: str) -> None:
        """Open a screen by its name in the menu."""
        await self._open(self._entry(name))
