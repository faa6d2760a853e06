"""A console under Pilot, with an agent whose answers the test decides, or a real one."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from face.golden import GoldenText, picture, strips_of
from face.scripted import ScriptedAgent, status
from screens.launch.running import make_app
from screens.shell.app import TmTui
from screens.shell.menu_tree import MenuTree
from screens.widgets.block import Block
from screens.widgets.dialog import Dialog
from screens.widgets.field import Field
from screens.widgets.form import FormPage
from tm_tui.clock import SystemClock

LIMIT = 60.0


class HeldClock(SystemClock):
    """A monotonic clock that moves when the test says so; waits are short."""

    def __init__(self) -> None:
        self.second = 1000.0

    def monotonic(self) -> float:
        return self.second

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        return await super().wait(event, min(seconds, 0.02))


@dataclass
class Console:
    """The app, its pilot, and what a person would do with it."""

    app: TmTui
    pilot: Pilot[int]
    clock: HeldClock

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for something to become true, with a limit."""
        end = time.monotonic() + LIMIT
        while not (found := condition()):
            assert time.monotonic() < end, f"did not happen; the screen:\n{self.screen_text()}"
            await self.pilot.pause(0.01)
        return found

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.app._press_keys(keys)  # what the pilot does; it would look whether all is done twice
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a text."""
        await self.press(*(_KEYS.get(char, char) for char in text))

    async def open(self, name: str) -> None:
        """Open a screen by its name in the menu."""
        await self.until(lambda: self.app.main.draft)
        await self.app.main.action_open(name)
        await self.pilot.pause()

    async def go(self, key: str) -> Field:
        """Put the focus on a field."""
        field = self.field(key)
        self.app.main.set_focus(field)
        await self.pilot.pause()
        return field

    async def rested(self) -> None:
        """Wait until what belongs to the mark or the cursor is shown."""
        main, focused = self.app.main, self.app.focused
        if isinstance(focused, MenuTree):
            await self.until(lambda: main._pages.entry is focused.entry)
        elif isinstance(main._pages.current, FormPage) and self.app.screen is main:
            shown = main._pages.current.query_one(".help", Block)
            problem = focused.problem if isinstance(focused, Field) else None
            words = problem.cause if problem else focused.spec.help if isinstance(focused, Field) else ""
            await self.until(lambda: words in shown.shown.plain and bool(words) == bool(shown.shown.plain))
        await self.pilot.pause()

    def field(self, key: str) -> Field:
        """A field of the page in sight."""
        return next(field for field in self.app.main.query(Field) if field.spec.key == key)

    async def dialog(self, words: str) -> Dialog:
        """Wait for a question that says this."""
        found: Dialog = await self.until(
            lambda: isinstance(self.app.screen, Dialog) and words in self.app.screen.words and self.app.screen
        )
        await self.pilot.pause()
        return found

    def rows(self) -> list[str]:
        """The screen as lines of text."""
        return ["".join(part.text for part in strip) for strip in strips_of(self.app)]

    def screen_text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.rows())

    async def sees(self, words: str) -> None:
        """Wait until the screen shows these words."""
        await self.until(lambda: words in self.screen_text())


_KEYS = {
    ".": "full_stop",
    "@": "at",
    "-": "minus",
    " ": "space",
    "/": "slash",
    ":": "colon",
    "_": "underscore",
}


@asynccontextmanager
async def console_of(
    connect: Any, size: tuple[int, int] = (80, 24), clock: HeldClock | None = None, **more: Any
) -> AsyncIterator[Console]:
    """Run the console over a way to an agent; it starts as the product does."""
    clock = clock or HeldClock()
    app = make_app(connect, clock=clock, **more)
    async with app.run_test(size=size) as pilot:
        yield Console(app, pilot, clock)


@pytest.fixture
def agent() -> ScriptedAgent:
    """An agent that holds a filled-in revision 17 and is connected."""
    scripted = ScriptedAgent()
    scripted.statuses.put_nowait(status())
    return scripted


SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
"""The terminals that pictures are made on."""
Story = Callable[[Console, ScriptedAgent], Awaitable[None]]
"""What a person does before the picture is taken."""


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Absolute times in one zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def pictured(
    utc: None, snapshot: SnapshotAssertion
) -> Callable[[ScriptedAgent, Story, str, str], Awaitable[None]]:
    """Play a story, and compare the parts of the screen that it is about with their golden text.

    The parts are those of `face.golden`; with `svg` the whole screen is compared as an image instead.
    """

    async def compare(agent: ScriptedAgent, story: Story, parts: str, size: str) -> None:
        async with console_of(agent.connect, SIZES[size], tty="ttyS0") as console:
            await console.until(lambda: console.app.main.draft)
            await story(console, agent)
            await console.rested()
            if parts == "svg":
                assert console.app.export_screenshot(simplify=True) == snapshot.use_extension(
                    SVGImageExtension
                )
            else:
                assert picture(console.app, parts) == snapshot.use_extension(GoldenText)

    return compare
