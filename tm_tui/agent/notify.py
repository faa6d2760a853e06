"""What systemd wants to know of a service (sd_notify(3)), in its small protocol: no library is needed."""

import os
import socket
import time
from collections.abc import Mapping

__all__ = ["Notifier"]


class Notifier:
    """Tells NOTIFY_SOCKET; without one, nobody is told. Nothing here can fail the agent."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        every = environ.get("WATCHDOG_USEC", "")
        self.watchdog_seconds = int(every) / 1e6 / 2 if every.isdigit() and int(every) and ours else None
        """How often to say that all is well: twice as often as systemd wants; None if it does not."""

    def ready(self, status: str) -> None:
        """The control socket is served."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Settings are being read again; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The event loop turns, and events reach the disk."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto(message.encode(), self._address)
            except OSError:  # nobody listens: it was systemd's wish, not our need
                return
