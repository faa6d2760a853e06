"""One connection of a server: uvicorn's HTTP/1.1, ended when its client is too slow to ask, or to read."""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from tm_tui.serving.limits import Patience
from tm_tui.serving.refusals import Refused, refusal_message

__all__ = ["Serving"]

_NUMBER = struct.Struct("i")
_AT_ONCE = 1 << 14
"""Bytes of a request that are worked off without a pause: in chunks of one byte each costs its own time."""
_TOO_SLOW = Refused(
    408, "too-slow", "The request was not whole in time, and was given up.", "Send it at once."
)


class _Gate:
    """Lets in what a client sent piece by piece, so that all other work has its turn between them.

    To uvicorn's flow control it is the transport. What has come and waits is what one look at the socket
    brought: nothing more is read meanwhile.
    """

    def __init__(self, transport: asyncio.Transport, take: Callable[[bytes], None]) -> None:
        self._transport, self._take = transport, take
        self._rest = bytearray()
        self._shut = self._due = False

    def came(self, data: bytes) -> None:
        """Take some bytes over."""
        self._rest += data
        if not self._due and not self._shut:
            self._let_in()

    def pause_reading(self) -> None:
        """Let nothing in until it is resumed."""
        self._shut = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        self._shut = False
        self._go_on()

    def _let_in(self) -> None:
        self._due = False
        if self._shut or self._transport.is_closing():
            return
        piece = bytes(self._rest[:_AT_ONCE])
        del self._rest[:_AT_ONCE]
        if self._rest:
            self._transport.pause_reading()
        self._take(piece)
        self._go_on()

    def _go_on(self) -> None:
        if self._shut or self._due:
            return
        if self._rest:
            self._due = True
            asyncio.get_running_loop().call_soon(self._let_in)
        else:
            self._transport.resume_reading()


class Serving(H11Protocol):
    """The state of each request's scope is `app_state`, and says how to go about the connection.

    `drop()` ends it without a word; `flushed()` waits until most of what was answered is on its way.
    `give_back` is called at its end.
    """

    def __init__(
        self,
        config: Config,
        state: ServerState,
        app_state: dict[str, Any],
        *,
        give_back: Callable[[], None],
        patience: Patience,
        look_seconds: float,
    ) -> None:
        super().__init__(config, state, app_state)
        self._give_back = give_back
        self._patience = patience
        self._look_seconds = look_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._asked_since = self._read_since = 0.0
        self._heard = self._resumed = False
        self._unread = self._came = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as H11Protocol
        """Begin, and look after the time limits from now on."""
        super().connection_made(transport)
        self._gate = _Gate(transport, self._take)
        self.flow = FlowControl(cast("asyncio.Transport", self._gate))
        self.app_state |= {"drop": transport.abort, "flushed": self._flushed}
        self._asked_since = self._read_since = self.loop.time()
        self._timer = self.loop.call_later(self._look_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        if self._timer is not None:
            self._timer.cancel()
        self._give_back()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request, by and by."""
        self._gate.came(data)

    def _take(self, data: bytes) -> None:
        if not self._heard and self._patience.idle is not None:
            self._asked_since = self.loop.time()
        self._heard = True
        if self._patience.body is not None and self.conn.their_state is h11.SEND_BODY:
            self._came += len(data)
            if self._came >= self._patience.body_bytes:
                self._asked_since, self._came = self.loop.time(), 0
        super().data_received(data)

    def resume_writing(self) -> None:
        """Much of what waited was read."""
        self._resumed = True
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Wait for the next request. Those who may only look have none whose body still comes."""
        self._asked_since, self._heard = self.loop.time(), False
        if self._patience.body is None and self.conn.their_state is h11.SEND_BODY:
            self.transport.close()
        super().on_response_complete()

    async def _flushed(self) -> None:
        await self.flow.drain()

    def _look(self) -> None:
        now = self.loop.time()
        self._timer = self.loop.call_later(self._look_seconds, self._look)
        if not self.transport.is_closing() and now - self._asked_since > self._time_to_ask():
            self._end_slow_request()
        if self._is_read():
            self._read_since = now
        elif now - self._read_since > self._patience.unread:
            self.transport.abort()

    def _time_to_ask(self) -> float:
        """Seconds from `_asked_since` on, by what the client owes us now."""
        body_owed = self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused
        if body_owed:
            return self._patience.request if self._patience.body is None else self._patience.body
        if not self.answered:
            return float("inf")
        idle = self._patience.idle
        return self._patience.request if self._heard or idle is None else idle

    @property
    def answered(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _end_slow_request(self) -> None:
        if not self.answered:
            self.transport.abort()
            return
        if self._heard:
            self.transport.write(refusal_message(_TOO_SLOW))
        self.transport.close()

    def _is_read(self) -> bool:
        """Whether nothing is unread, or some of it was read since the last time."""
        before, resumed = self._unread, self._resumed
        self._unread, self._resumed = self._in_tls() + self._in_kernel(), False
        return self._unread == 0 or self._unread < before or resumed

    def _in_tls(self) -> int:
        """Bytes that wait for the socket."""
        try:
            return self.transport.get_write_buffer_size()
        except AttributeError:  # asyncio's TLS: it has let go of what was closed twice
            return 0

    def _in_kernel(self) -> int:
        """Bytes that the peer has not read (unix(7), SIOCOUTQ), with what the kernel needs to keep them."""
        of = self.transport.get_extra_info("socket")  # None: TLS has let it go
        handle = -1 if of is None else of.fileno()
        if handle < 0:
            return 0
        found: int = _NUMBER.unpack(fcntl.ioctl(handle, termios.TIOCOUTQ, bytes(_NUMBER.size)))[0]
        return found
