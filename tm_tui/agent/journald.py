"""The journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that lines carry fields to search by.

`journalctl -u tm-tui-agent TM_CODE=tls-expired` finds each time that a certificate was out of date.
"""

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["JournalHandler", "journal_reads_stderr"]

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
