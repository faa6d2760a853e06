"""What the agent writes to its log: safe characters only, and nothing from libraries that log credentials.

Under systemd it speaks the journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that lines carry
fields to search by: `journalctl -u tm-tui-agent TM_CODE=tls-expired` finds each certificate that was out of
date.
"""

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

from tm_tui.text import safe_text

__all__ = ["JournalHandler", "journal_reads_stderr", "set_up_log"]

_PINNED = ("httpx", "httpcore", "asyncssh", "uvicorn", "hpack", "asyncio")
"""At INFO and DEBUG these write URLs, headers and passwords."""
_PEERS = "uvicorn.error"
"""Up to WARNING it writes a line for each request that is none: any user could fill the disk."""
_LONGEST_LINE = 2000


class _SafeLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Make each line of the record safe; a traceback keeps its lines."""
        return "\n".join(safe_text(line, _LONGEST_LINE) for line in super().format(record).split("\n"))


def set_up_log(level: int = logging.INFO) -> None:
    """Log to standard error; under systemd to the journal, which knows time and level by itself."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_SafeLines("%(asctime)s %(levelname)s %(message)s"))
    if journal_reads_stderr():
        handler = JournalHandler(handler)
        handler.setFormatter(_SafeLines("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _PINNED:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(_PEERS).setLevel(logging.ERROR)


_SOCKET = Path("/run/systemd/journal/socket")
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}  # syslog(3)


def journal_reads_stderr(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what we write to standard error ends in the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


class JournalHandler(logging.Handler):
    """Sends records to the journal; what it does not take goes to `fallback`, so that no line is lost.

    Fields: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, and TM_CODE where a record has `tm_code`.
    """

    def __init__(self, fallback: logging.Handler, path: Path = _SOCKET) -> None:
        super().__init__()
        self._fallback = fallback
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        fields = {
            "MESSAGE": self.format(record),
            "PRIORITY": str(_PRIORITIES.get(record.levelname, 6)),
            "SYSLOG_IDENTIFIER": "tm-tui",
        }
        if isinstance(code := getattr(record, "tm_code", None), str):
            fields["TM_CODE"] = code
        try:
            self._socket.sendto(b"".join(map(_field, fields, fields.values())), str(self._path))
        except OSError:
            self._fallback.emit(record)

    def close(self) -> None:
        """Send no more."""
        self._socket.close()
        super().close()


def _field(name: str, value: str) -> bytes:
    """One field; in the form with a length, a value may have lines."""
    data = value.encode("utf-8", "replace")
    return name.encode("ascii") + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
