"""The Textual driver for slow lines: ``App(driver_class=SlowLineDriver)`` is all that an app needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from textual import events
from textual.keys import KEY_NAME_REPLACEMENTS

from screens.terminal.capabilities import LINUX
from screens.terminal.colours import Stylist
from screens.terminal.cursor import place
from screens.terminal.frame import too_small
from screens.terminal.input import Key, Paste, Reader, Reply, Token, Unread
from screens.terminal.lifecycle import Reactions, Signals
from screens.terminal.line import HungUp
from screens.terminal.options import TerminalOptions
from screens.terminal.pacing import Pacer
from screens.terminal.seam import SeamDriver, key_name, layout_due, show_by
from screens.terminal.session import Session, take_over
from screens.terminal.updates import put

if TYPE_CHECKING:
    import asyncio

    from textual.app import App


_SIZE_REPLY = 0.5
_PASTE_PAUSE = 2.0
_HUNG_UP = 129


def event_for(token: Key | Paste | Unread) -> events.Key | events.Paste:
    """The event that Textual's own driver would have made of a key or a paste.

    What is unread comes as the key of its sign, which a field takes and refuses in words.
    """
    if isinstance(token, Paste):
        return events.Paste(token.text)
    if isinstance(token, Unread):
        return event_for(Key("", token.character))
    name, character = token
    if character is None or name:
        return events.Key(name, character)
    plain = character if character.isalnum() else key_name(character)
    return events.Key(KEY_NAME_REPLACEMENTS.get(plain, plain), character)


class SlowLineDriver(SeamDriver):
    """Shows the newest frame by cell differences, paced by the line, and reads keys without a thread.

    The app may carry ``terminal_options`` (TerminalOptions). A mouse is not supported.
    """

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        options: TerminalOptions = getattr(app, "terminal_options", TerminalOptions())
        self.session = take_over() or Session(options, os.environ)
        if size is not None:
            self.session.adopt_size(size, "as the app says")
        self.size_is(self.session.size)
        self._stylist = Stylist(self.session.palette)
        choice = self.session.choice
        self._reader = Reader(
            "utf-8" if choice.capabilities.utf8 else None,
            linux=choice.capabilities.name == LINUX.name,
            sco=choice.name.startswith("sco"),
        )
        self._waiting: asyncio.TimerHandle | None = None
        self._size_limit: asyncio.TimerHandle | None = None
        self._signals = Signals(
            Reactions(self._end, self._give_up, self._look_again, self._suspended, self._resumed)
        )
        self._pacer: Pacer | None = None
        self._reading = False
        show_by(app, self.show)

    # -- output -----------------------------------------------------------------------------------

    def show(self, update: object) -> None:
        """Take an update of the screen; it is sent when the line is free."""
        put(update, self.session.frame, self._stylist)
        if self._pacer is not None:
            self._pacer.changed()

    def next_bytes(self, budget: int | None) -> bytes:
        """The codes for the newest frame (Pacer's Source)."""
        session = self.session
        if session.too_small:
            frame, cursor = too_small(session.frame, session.options.smallest), None
        else:
            frame, cursor = session.frame, place(self.app)
        return session.painter.paint(frame, cursor, budget).encode("utf-8", "replace")

    @property
    def unfinished(self) -> bool:
        """Whether rows of the newest frame are still to be sent (Pacer's Source)."""
        return self.session.painter.unfinished

    @property
    def unsettled(self) -> bool:
        """Whether a new layout is due, so that the newest frame is half of what is meant (Pacer's Source)."""
        return layout_due(self.app)

    def extent(self) -> int:
        """How many cells there are to paint (Pacer's Source)."""
        return self.session.painter.extent(self.session.frame)

    def write(self, data: str) -> None:
        """Textual's own codes are not for this terminal; only the bell passes."""
        if data == "\x07" and self._pacer is not None:
            self._pacer.send(b"\x07")

    def settled(self) -> None:
        """The newest frame need not wait for others to come."""
        if self._pacer is not None:
            self._pacer.settled()

    def redraw(self) -> None:
        """Send the whole screen again, as after line noise (^L)."""
        self.session.painter.forget()
        if self._pacer is not None:
            self._pacer.changed()

    # -- start and end ----------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        """Raw mode, signals, keys."""
        self._signals.watch()
        session = self.session
        if not session.started:
            session.start()
        self._pacer = Pacer(session.line, self, self._gone)
        unsent, session.unsent = session.unsent, b""
        self._pacer.send(unsent)
        self._pacer.start()
        self.loop.call_soon(self._look_once)
        if session.must_ask_size:
            self._reader.asked_position = True
            self._pacer.hold()
            self._size_limit = self.loop.call_later(_SIZE_REPLY, self._size_is, None)
        self.loop.add_reader(session.line.fd, self._readable)
        self._reading = True

    def disable_input(self) -> None:
        """No more keys."""
        if self._reading:
            self.loop.remove_reader(self.session.line.fd)
            self._reading = False
        for timer in (self._waiting, self._size_limit):
            if timer is not None:
                timer.cancel()

    def stop_application_mode(self) -> None:
        """The terminal as it was."""
        self.disable_input()
        if self._pacer is not None:
            pacer, self._pacer = self._pacer, None
            self._end_session(pacer)

    def close(self) -> None:
        """Let go of signals and line."""
        self._signals.stop()
        self.session.close()

    def _end(self, status: int) -> None:
        self.app.exit(return_code=status)

    def _gone(self) -> None:
        self.disable_input()
        self._signals.hurry(_HUNG_UP)
        self._end(_HUNG_UP)

    def _give_up(self) -> None:
        if self._pacer is not None:
            self.session.end()

    def _suspended(self) -> None:
        if self._pacer is not None:
            self._end_session(self._pacer)

    def _end_session(self, pacer: Pacer) -> None:
        """Put the terminal back; what it was asked is heard before, or the shell would take it for keys."""
        replies = 0 if self._signals.hurrying else pacer.unanswered + self._reader.asked_position
        unsent = pacer.close() if self._pacer is None else b""
        self.session.end(unsent, replies=replies, asked_at=max(pacer.probed_at, self.session.started_at))

    def _resumed(self) -> None:
        if self._pacer is not None:
            try:
                self.session.start()
            except HungUp:
                self._gone()
                return
            self.redraw()

    # -- size -------------------------------------------------------------------------------------

    def _look_again(self) -> None:
        """SIGWINCH: another size, or a terminal that was attached again and shows nothing."""
        if self.session.resized():
            self._tell_size()
        else:
            self.redraw()

    def _look_once(self) -> None:
        """A window that was resized while only the first picture stood there told nobody."""
        if self._pacer is not None and self.session.resized():
            self._tell_size()

    def _size_is(self, size: tuple[int, int] | None) -> None:
        """The terminal told its size, or did not within the limit."""
        self._reader.asked_position = False
        if self._size_limit is not None:
            self._size_limit.cancel()
            self._size_limit = None
        if size is not None and self.session.adopt_size(size, "as the terminal says"):
            self._tell_size()
        if self._pacer is not None:
            self._pacer.release()

    def _tell_size(self) -> None:
        size = self.size_is(self.session.size)
        self.app.post_message(events.Resize(size, size))

    # -- input ------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            data = self.session.line.read()
        except HungUp:
            self._gone()
            return
        self._deliver(self._reader.feed(data))
        self._wait_for_rest()

    def _wait_for_rest(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        waiting = self._reader.waiting
        if waiting is not None:
            seconds = _PASTE_PAUSE if waiting == "paste" else self.session.choice.escape_seconds
            self._waiting = self.loop.call_later(seconds, self._time_out)

    def _time_out(self) -> None:
        self._waiting = None
        self._deliver(self._reader.time_out())

    def _deliver(self, tokens: list[Token]) -> None:
        for token in tokens:
            if not isinstance(token, Reply):
                self.process_message(event_for(token))
            elif token.kind == "status" and self._pacer is not None:
                self._pacer.answered()
            elif token.kind == "position" and self._reader.asked_position:
                self._size_is((token.numbers[1], token.numbers[0]))

    def send_message(self, message: Any) -> None:
        """Post to the app; this runs on its own loop, so the order of keys is kept."""
        self.app.post_message(message)
