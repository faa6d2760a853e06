"""The right side: the preview of a menu entry, or the page of one. Pages stay once they were opened."""

from typing import TYPE_CHECKING, Protocol

from textual.containers import Container

from screens.widgets.preview import Preview

if TYPE_CHECKING:
    from pydantic import SecretStr
    from textual.app import ComposeResult
    from textual.widget import Widget

    from screens.draft import Draft, Value
    from screens.menu import Entry
    from screens.seen import Seen
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

    @property
    def read_only(self) -> bool:
        """Whether this admin may only look."""
        ...


class Pages(Container):
    """Exactly one of its children is in sight."""

    DEFAULT_CSS = "Pages { width: 1fr; height: 1fr; }"

    def __init__(self, first: "Entry") -> None:
        super().__init__()
        self._preview = Preview()
        self._made: dict[str, Page] = {first.name: first.load()()} if first.at_once else {}
        self.current: Page | None = self._made.get(first.name)
        """The page in sight; None while a preview is."""

    def compose(self) -> "ComposeResult":
        """Begin with the first page, or an empty preview: one layout for all."""
        self._preview.display = self.current is None
        yield self._preview
        yield from self._made.values()

    async def look_at(self, entry: "Entry", known: _Known) -> None:
        """Show an entry without going there."""
        if entry.at_once:
            await self._bring(entry, known)
            return
        self._preview.tell(entry, known.draft)
        self.current = None
        self._show(self._preview)

    async def open(self, entry: "Entry", known: _Known) -> None:
        """Show an entry's page, and put the focus into it if there is something to do."""
        page = await self._bring(entry, known)
        page.enter()

    async def _bring(self, entry: "Entry", known: _Known) -> "Page":
        page = self._made.get(entry.name)
        if page is None:
            page = self._made[entry.name] = entry.load()()
            await self.mount(page)
        page.edit, page.edit_secret = known.edit, known.edit_secret
        page.told_role(read_only=known.read_only)
        self.current = page
        self._show(page)
        if known.draft is not None:
            page.told_draft(known.draft)
        page.told_status(known.seen, known.clock.monotonic())
        return page

    def _show(self, chosen: "Widget") -> None:
        for child in self.children:
            child.display = child is chosen

    def told_draft(self, draft: "Draft | None") -> None:
        """Pass it on."""
        if draft is not None:
            for page in self._made.values():
                page.told_draft(draft)

    def told_status(self, seen: "Seen", now: float) -> None:
        """Pass it on to the page in sight."""
        if self.current is not None:
            self.current.told_status(seen, now)

    def told_role(self, *, read_only: bool) -> None:
        """Pass it on."""
        for page in self._made.values():
            page.told_role(read_only=read_only)

    def edited(self) -> tuple[str, ...]:
        """The keys of the settings on the page in sight."""
        return self.current.keys() if self.current else ()

    def keys_of(self, entry: "Entry") -> tuple[str, ...]:
        """The settings that an entry is about, opened or not."""
        page = self._made.get(entry.name)
        return page.keys() if page and page.keys() else entry.edits()

    def actions(self) -> frozenset[str]:
        """What works on the page in sight."""
        return self.current.ACTIONS if self.current else frozenset()

    def help(self) -> str:
        """The help page for what is in sight."""
        return self.current.HELP if self.current and self.current.HELP else "console"
