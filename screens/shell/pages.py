"""The right side: the page of the entry that the menu rests on. Pages stay once they were seen."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, cast

from textual.containers import Container

from screens.shell.failed_page import FailedPage
from screens.terminal.seam import end_messages, forget_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr
    from textual.app import ComposeResult
    from textual.widget import Widget

    from screens.desk.draft import Draft, Value
    from screens.desk.menu import Entry
    from screens.desk.seen import Seen
    from screens.shell.app import TmTui
    from screens.widgets.page import Page
    from tm_tui.clock import Clock

__all__ = ["Pages"]


class _Known(Protocol):
    """What a new page is told at once."""

    seen: "Seen"
    draft: "Draft | None"
    clock: "Clock"

    def edit(self, key: str, value: "Value") -> None:
        """Type a value into the draft."""
        ...

    def edit_secret(self, name: str, secret: "SecretStr | None") -> None:
        """Type a password into the draft."""
        ...

    def beyond(self, by: int) -> bool:
        """Take the focus that leaves the page."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether this admin may only look."""
        ...


class Pages(Container):
    """Exactly one of its children is in sight."""

    DEFAULT_CSS = "Pages { width: 1fr; height: 1fr; }"

    def __init__(self, first: "Entry") -> None:
        super().__init__()
        self.entry = first
        """The entry whose page is in sight."""
        self.current = first.load()()
        """That page."""
        self._made: dict[str, Page] = {first.name: self.current}

    def compose(self) -> "ComposeResult":
        """Begin with the first page: one layout for all."""
        yield self.current

    async def open(self, entry: "Entry", known: _Known) -> None:
        """Show an entry's page, and put the focus into it if there is something to do."""
        await self.look_at(entry, known)
        with self._contained(self.current):
            self.current.enter()

    async def look_at(self, entry: "Entry", known: _Known) -> None:
        """Show an entry's page without going there."""
        page = self._made.get(entry.name)
        if isinstance(page, FailedPage) and entry is not self.entry:
            await self._made.pop(entry.name).remove()
            page = None
        if page is None:
            page = self._made[entry.name] = self._make(entry)
            await self.mount(page)
            page = self._made[entry.name]
        page.edit, page.edit_secret, page.beyond = known.edit, known.edit_secret, known.beyond
        page.about, page.name_in_menu = entry.about, entry.name
        self.current, self.entry = page, entry
        self._show(page)
        with self._contained(page):
            page.told_role(read_only=known.read_only)
            if known.draft is not None:
                page.told_draft(known.draft)
            page.told_status(known.seen, known.clock.monotonic())

    def _make(self, entry: "Entry") -> "Page":
        """The page of an entry; one that cannot even begin says why."""
        try:
            return entry.load()()
        except Exception as error:  # noqa: BLE001  a bug in one page, which is told there
            return FailedPage(cast("TmTui", self.app).page_line(error))

    @contextmanager
    def _contained(self, page: "Page") -> "Iterator[None]":
        """What fails in a page that is told something here is shown in its place."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  a bug in one page, which is told there
            self.replace(page, cast("TmTui", self.app).page_line(error))

    def replace(self, page: "Page", words: str) -> None:
        """Show these words where a page was."""
        name = next((name for name, made in self._made.items() if made is page), None)
        if name is None:
            return  # something else stands there already
        page.failed = True
        failed = self._made[name] = FailedPage(words)
        failed.display = self.current is page
        if self.current is page:
            self.current = failed
        if page.is_attached:
            if page.has_focus_within:
                self.screen.set_focus(failed.first())  # keys of what is gone would go nowhere
            page.display = False
            self.mount(failed)
            self.call_later(self._clear_away, page)

    async def _clear_away(self, page: "Page") -> None:
        """Take a failed page out of the tree; Textual does not where composing or mounting failed."""
        if page.is_running:
            await page.remove()
        elif page.is_attached:
            await end_messages(page)

    def _show(self, chosen: "Widget") -> None:
        for child in self.children:
            if child.display and child is not chosen:
                forget_lines(child)
            child.display = child is chosen

    def told_draft(self, draft: "Draft | None") -> None:
        """Pass it on."""
        if draft is not None:
            for page in tuple(self._made.values()):
                with self._contained(page):
                    page.told_draft(draft)

    def told_status(self, seen: "Seen", now: float) -> None:
        """Pass it on to the page in sight."""
        with self._contained(self.current):
            self.current.told_status(seen, now)

    def told_work(self, *, working: bool) -> None:
        """Pass it on to the page in sight."""
        with self._contained(self.current):
            self.current.told_work(working=working)

    def told_role(self, *, read_only: bool) -> None:
        """Pass it on."""
        for page in tuple(self._made.values()):
            with self._contained(page):
                page.told_role(read_only=read_only)

    def edited(self) -> tuple[str, ...]:
        """The keys of the settings on the page in sight."""
        return self.current.keys()

    def keys_of(self, entry: "Entry") -> tuple[str, ...]:
        """The settings that an entry is about, opened or not."""
        page = self._made.get(entry.name)
        return page.keys() if page and page.keys() else entry.edits()

    def actions(self) -> frozenset[str]:
        """What works on the page in sight."""
        return self.current.ACTIONS

    def help(self) -> str:
        """The help page for what is in sight."""
        return self.current.HELP or "console"
