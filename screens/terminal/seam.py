"""The seam to Textual: each of its names that is not public stands in this file, and in no other of ours.

The seam is checked when this module is imported, before the terminal is taken over: a Textual that has other
names is told in one line (OtherTextual).
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget

from screens.terminal.session import OtherTextual

try:
    from textual._compositor import ChopsUpdate, LayoutUpdate
    from textual._context import active_message_pump
    from textual.keys import _character_to_key
except ImportError as other:
    raise OtherTextual(f"{other.name} has other names ({other.msg.partition(' (')[0]})") from None

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from textual.message import Message

__all__ = [
    "ChopsUpdate",
    "LayoutUpdate",
    "SeamApp",
    "SeamDriver",
    "Told",
    "end_messages",
    "forget_lines",
    "key_name",
    "lacking",
    "layout_due",
    "runs_for",
    "show_by",
]

ReturnType = TypeVar("ReturnType")

_USED: Mapping[type, tuple[str, ...]] = {
    App: (
        *("_batch_count", "_close_messages_no_wait", "_closed", "_display", "_driver", "_exception"),
        *("_exception_event", "_exit", "_exit_renderables", "_handle_exception", "_print_error_renderables"),
        *("_return_code", "_running"),
    ),
    Driver: ("_app", "_loop", "_size"),
    MessagePump: ("_dispatch_message", "_message_loop_exit"),
    Screen: ("_layout_required",),
    Widget: ("_render_cache", "_set_dirty"),
}
"""What this file uses of Textual's classes: methods, and what `__init__` sets."""


def lacking(used: Mapping[type, tuple[str, ...]] = _USED) -> list[str]:
    """Which of these names their classes do not have, such as `App._exit`."""
    return [
        f"{kind.__name__}.{name}" for kind, names in used.items() for name in names if not _has(kind, name)
    ]


def _has(kind: type, name: str) -> bool:
    codes = (getattr(vars(base).get("__init__"), "__code__", None) for base in kind.__mro__)
    return hasattr(kind, name) or any(name in code.co_names for code in codes if code)


if gone := lacking():
    raise OtherTextual(f"it has no {', '.join(gone)}")


# -- the app --------------------------------------------------------------------------------------------


class SeamApp(App[ReturnType], Generic[ReturnType]):
    """An app that says by public names what its driver is, and how it ends because of a bug."""

    @property
    def terminal_driver(self) -> Driver | None:
        """What drives the terminal; None before the start."""
        return self._driver

    @property
    def ending(self) -> bool:
        """Whether the end has begun."""
        return self._exit

    @property
    def failed(self) -> bool:
        """Whether a bug ended it."""
        return self._exception is not None

    tells_all: bool = False
    """Whether a bug, or a wrong style, is told as Textual does it, with every local variable."""

    def crashed(self, error: Exception) -> None:
        """End because of a bug that nobody caught, as Textual does it."""
        try:
            raise error  # noqa: TRY301
        except Exception as raised:  # noqa: BLE001  Textual shows what is being handled
            super()._handle_exception(raised)

    def end_with(self, error: Exception, line: str) -> None:
        """End because of a bug; `line` is left on the terminal for the first one, "" says nothing."""
        self._return_code = 1
        if line:
            self._exit_renderables.append(line)
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def say_last(self, lines: list[str]) -> None:
        """Print what is left on the terminal at the end."""
        with suppress(OSError):  # the line may be gone
            for line in lines:
                print(line, file=sys.stderr)

    def _handle_exception(self, error: Exception) -> None:
        self.crashed(error)

    def _print_error_renderables(self) -> None:
        if self.tells_all:
            super()._print_error_renderables()
            return
        self.say_last(list(dict.fromkeys(str(line) for line in self._exit_renderables)))
        self._exit_renderables.clear()


class Told(MessagePump):
    """Whatever is told by messages, and may take on what fails in others as it tells them."""

    def takes(self, error: Exception) -> bool:  # noqa: ARG002  for those who do
        """Whether this failure is dealt with."""
        return False

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if not self.takes(error):
                raise


def runs_for() -> MessagePump | None:
    """Whose code this task runs: a widget, a screen or the app; None outside of them."""
    return active_message_pump.get(None)


async def end_messages(node: MessagePump) -> None:
    """End the messages of a node that never ran, so that it leaves the tree."""
    await node._message_loop_exit()


def forget_lines(widget: Widget) -> None:
    """Let go of the drawn lines of a widget out of sight, and of all in it: they keep a kilobyte each."""
    for each in widget.walk_children(Widget, with_self=True):
        each._set_dirty()
        each._render_cache = each._render_cache._replace(lines=[])


def layout_due(app: App[Any]) -> bool:
    """Whether the screen in front waits for its next layout."""
    return bool(app.screen_stack) and app.screen._layout_required


# -- the driver -----------------------------------------------------------------------------------------


class SeamDriver(Driver):
    """A driver that says by public names whose it is."""

    @property
    def app(self) -> App[Any]:
        """The app that it shows."""
        return self._app

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the app runs on."""
        return self._loop

    def size_is(self, size: tuple[int, int]) -> Size:
        """Take the terminal's size (columns, rows)."""
        self._size = size
        return Size(*size)


def show_by(app: App[Any], show: Callable[[object], None]) -> None:
    """Have `show` called with each update of the screen, under the conditions under which Textual shows it.

    The segments of each update are wanted, not the text with escape sequences that is made of them, and there
    is no public way to them.
    """

    def display(app: App[Any], _screen: Screen[Any], renderable: object) -> None:
        if renderable is not None and not app._batch_count and app._running and not app._closed:
            show(renderable)
        app.post_display_hook()

    app._display = MethodType(display, app)  # type: ignore[method-assign]


def key_name(character: str) -> str:
    """Textual's name of a character that is no letter and no digit."""
    return _character_to_key(character)
