"""Alerts as messages of syslog (RFC 5424) over TLS (RFC 5425): one for each thing that began or ended."""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from tm_tui.portal.alerts.failures import NotSent, context_of, not_sent
from tm_tui.portal.alerts.message import Item, Message
from tm_tui.portal.alerts.settings import Syslog

__all__ = ["SyslogSender", "line_of"]

_WARNING, _NOTICE, _INFO = 4, 5, 6
_NO_NAME = re.compile(r"[^!-~]")
_LISTENING_SECONDS = 0.5
_AT_ONCE = 200
_ESCAPED = re.compile(r'(["\\\]])')


def line_of(message: Message, item: Item, facility: int) -> bytes:
    """One message: `<PRI>1 TIME HOST tm-tui-portal - KIND [tmsp@32473 ...] BOM text` (RFC 5424, 6)."""
    severity = _INFO if item.kind == "test" else _WARNING if item.state == "began" else _NOTICE
    at = message.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = _NO_NAME.sub("-", socket.gethostname())[:255] or "-"
    told = {
        "kind": item.kind,
        "state": item.state,
        "subject": item.subject,
        "since": item.since.isoformat(timespec="seconds"),
        "message": message.number,
    }
    data = " ".join(f'{name}="{_escaped(value)}"' for name, value in told.items())
    head = f"<{facility * 8 + severity}>1 {at} {host} tm-tui-portal - {item.kind} [tmsp@32473 {data}] "
    return head.encode() + b"\xef\xbb\xbf" + item.words.encode()


def _lines(message: Message, items: Sequence[Item], facility: int) -> bytes:
    """Items, each with its length before it."""
    made = (line_of(message, item, facility) for item in items)
    return b"".join(b"%d %s" % (len(line), line) for line in made)


def _escaped(value: str) -> str:
    return _ESCAPED.sub(r"\\\1", value)


class SyslogSender:
    """Opens a connection for each message, and ends it in order.

    The protocol has no answer: sent means that the server has taken the bytes and the farewell of TLS.
    """

    name = "syslog"

    def __init__(self, settings: Syslog, ca_file: Path | None, certificate: tuple[Path, Path] | None) -> None:
        self._settings = settings
        self._ca_file = ca_file
        self._certificate = certificate
        self.target = f"{settings.host}:{settings.port}"

    async def send(self, message: Message) -> None:
        """Send all items, each with its length before it (RFC 5425, section 4.3). Raises NotSent."""
        settings = self._settings
        context = context_of(self._ca_file, self._certificate)
        try:
            reader, writer = await asyncio.open_connection(settings.host, settings.port, ssl=context)
        except (OSError, ValueError) as error:
            raise not_sent(error, self.target) from None
        try:
            for start in range(0, len(message.items), _AT_ONCE):
                some = message.items[start : start + _AT_ONCE]
                writer.write(await asyncio.to_thread(_lines, message, some, settings.facility))
                await writer.drain()
            await self._listen(reader)
            writer.close()
            await writer.wait_closed()
        except (OSError, EOFError) as error:
            raise self._cut(error) from None
        finally:
            writer.transport.abort()

    def _cut(self, error: OSError | EOFError) -> NotSent:
        """A server that wants a certificate may just end the connection of a client without one."""
        found = not_sent(error, self.target)
        if self._certificate is not None or isinstance(error, ssl.SSLError):
            return found
        remedy = "It may want a certificate: set alerts.syslog.certificate and alerts.syslog.key."
        return NotSent(found.cause, remedy)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """A server that wants no such client says so after TLS began, and has nothing else to say."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LISTENING_SECONDS):
                if not await reader.read(1):
                    raise EOFError(self.target)
