"""Keys act in the order in which they were typed: the next is handed out once the former has had its effect.

Textual takes a key in steps (bindings with priority, the focused widget, other bindings), each later than the
one before, and what a key does (the focus moves, a page opens, a question is asked) comes later still. A key
typed meanwhile would go where the focus was. So all keys and pastes wait here, one behind another.
"""

import asyncio
from collections import Counter, deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from textual.events import Key, Paste

from screens.shell.menu_tree import MenuTree

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from textual.dom import DOMNode
    from textual.widget import Widget

    from screens.shell.main import MainScreen
    from screens.terminal.app import SlowLineApp

__all__ = ["GROUP", "KeyQueue"]

GROUP: Final = "keys"
"""The worker that hands keys out."""
_BESIDE: Final = frozenset({GROUP, "agent", "activity", "editing", "idle", "ahead"})
"""Workers that go on beside the keys. All others are what a key began, and the next key waits for them."""
_ROUNDS = 12
"""How often messages may cause messages; more come from a flood that no key has caused."""
_LAYOUTS = 4
_PASS_SECONDS = 2.0
_LOOK_SECONDS = 0.01
_LOOKS = 300
"""How often something is looked at before no key waits for it any longer. Looks are counted, not seconds: a
process that was stopped meanwhile has not looked."""


class KeyQueue:
    """Holds the keys of an app. `deliver` takes a key as Textual does; it runs as a message of the app."""

    def __init__(
        self, app: "SlowLineApp[Any]", main: "MainScreen", deliver: "Callable[[Key | Paste], Awaitable[None]]"
    ) -> None:
        self._app = app
        self._main = main
        self._deliver = deliver
        self._waiting: deque[Key | Paste] = deque()
        self._came = asyncio.Event()
        self._run: tuple[str, Widget] | None = None
        self._looks: Counter[object] = Counter()
        self._given_up: WeakSet[object] = WeakSet()

    def put(self, event: Key | Paste) -> None:
        """A key or a paste has come."""
        self._waiting.append(event)
        self._came.set()

    @property
    def busy(self) -> bool:
        """Whether a key waits, or is being handed out."""
        return self._came.is_set()

    async def hand_out(self) -> None:
        """Hand out one after another, until cancelled."""
        while True:
            await self._came.wait()
            while self._waiting:
                event = self._waiting.popleft()
                await self._settle(event)
                self._run = self._run_of(event)
                await self._run_on(self._app, partial(self._deliver, event))
            self._came.clear()

    def _run_of(self, event: Key | Paste) -> "tuple[str, Widget] | None":
        """Letters for one widget, or steps in the menu: such keys keep their order by themselves."""
        focused = self._app.focused
        if focused is None or not isinstance(event, Key):
            return None
        if focused.check_consume_key(event.key, event.character):
            return "text", focused
        return ("steps", focused) if isinstance(focused, MenuTree) and event.key in focused.STEPS else None

    # What a key waits for -----------------------------------------------------------------------------------

    async def _settle(self, event: Key | Paste) -> None:
        """Wait until nothing is under way that decides where this key goes and what it means there.

        A step in the menu waits for what a key began and for no more: it acts before the agent was found.
        """
        layouts = 0
        while (run := self._run_of(event)) is None or run != self._run:
            await self._messages()
            run = self._run_of(event)
            steps = run is not None and run[0] == "steps"
            if any(self._lasts(each) for each in self._under_way(steps=steps)):
                await asyncio.sleep(_LOOK_SECONDS)
            elif steps:
                break
            elif self._main.is_current and self._main.rest.running:
                await self._run_on(self._main, self._main.rest.catch_up)
            elif self._app.layout_due and layouts < _LAYOUTS:
                layouts += 1
                await self._laid_out()
            else:
                break
        self._looks.clear()

    async def _messages(self) -> None:
        """Let all messages arrive, and those that they cause."""
        for _ in range(_ROUNDS):
            screen = self._app.screen
            for node in (self._app.focused or screen).ancestors_with_self:
                await self._run_on(node)
            stirred = [node for node in screen.walk_children(with_self=True) if node.message_queue_size]
            for node in stirred:
                await self._run_on(node)
            if not stirred:
                return

    def _under_way(self, *, steps: bool) -> "Iterator[object]":
        """What runs on the screen in front, and what its page waits for; a question waits for the admin."""
        screen = self._app.screen
        for worker in self._app.workers:
            beside = worker.group in _BESIDE or worker in self._main.beside
            if worker.node is screen and not beside and not worker.is_finished:
                yield worker
        if screen is self._main and not steps:
            if not self._main.known:
                yield self._main
            if self._main.page.coming:
                yield self._main.page

    def _lasts(self, what: object) -> bool:
        """Whether it is still to be waited for; it is given up when it was looked at too often."""
        self._looks[what] += 1
        if self._looks[what] > _LOOKS:
            self._given_up.add(what)
        return what not in self._given_up

    async def _run_on(self, node: "DOMNode", do: "Callable[[], Awaitable[None]] | None" = None) -> None:
        """Do something as one of a node's messages, behind those that it has; wait until that is done."""
        done = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                if do is not None:
                    await do()
            finally:
                if not done.done():
                    done.set_result(None)

        if node.call_later(run):
            await asyncio.wait((done,), timeout=_PASS_SECONDS)

    async def _laid_out(self) -> None:
        """Wait until the sizes are known that a list or a text scrolls by."""
        done = asyncio.Event()
        if self._app.screen.call_after_refresh(done.set):
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), _PASS_SECONDS)
