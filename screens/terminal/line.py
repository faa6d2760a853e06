"""The line to the terminal.

Raw mode and back, its device name, speed and size, reads and writes that never block.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import termios
import time
from typing import Any

_SPEEDS = {
    getattr(termios, f"B{speed}"): speed
    for speed in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
    if hasattr(termios, f"B{speed}")
}
_REPLY = re.compile(rb"(?:\x1b\[|\x9b)[0-9;]*[nR]")
_MOST_HEARD = 4096
_IFLAG, _OFLAG, _CFLAG, _LFLAG, _OSPEED, _CC = 0, 1, 2, 3, 5, 6


class HungUp(Exception):
    """The other end of the line is gone."""


class Line:
    """The terminal on descriptor ``fd``.

    An own description is opened, so that the shell's stays a blocking one.
    """

    def __init__(self, fd: int) -> None:
        self.is_terminal = os.isatty(fd)
        self.device = _device(fd)
        self._given = fd
        self._flags: int | None = None
        self.fd = self._open(fd)
        self._before: list[Any] | None = None

    def _open(self, fd: int) -> int:
        mode = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
        names = [self.device, "/dev/tty"] if self.is_terminal and _controls(fd) else [self.device]
        for name in names:
            if name is not None:
                with contextlib.suppress(OSError):
                    return os.open(name, mode)
        own = os.dup(fd)
        self._flags = fcntl.fcntl(own, fcntl.F_GETFL)
        fcntl.fcntl(own, fcntl.F_SETFL, self._flags | os.O_NONBLOCK)
        return own

    def raw(self) -> None:
        """Characters one by one, no echo, no signals from keys; the kernel keeps XON and XOFF for itself."""
        with contextlib.suppress(termios.error):
            now = termios.tcgetattr(self.fd)
            if self._before is None:
                self._before = [*now[:_CC], list(now[_CC])]
            now[_IFLAG] &= ~(
                termios.ICRNL
                | termios.INLCR
                | termios.IGNCR
                | termios.ISTRIP
                | termios.BRKINT
                | termios.PARMRK
            )
            now[_IFLAG] |= termios.IGNBRK | termios.IXON
            now[_OFLAG] &= ~termios.OPOST
            now[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN | termios.ISIG)
            now[_CC][termios.VMIN], now[_CC][termios.VTIME] = 1, 0
            termios.tcsetattr(self.fd, termios.TCSANOW, now)

    def restore(self) -> None:
        """The modes from before ``raw``; at once, for a stopped line would never drain."""
        if self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcflush(self.fd, termios.TCIFLUSH)
                termios.tcsetattr(self.fd, termios.TCSANOW, self._before)

    def close(self) -> None:
        """Give the descriptor back as it was."""
        if self._flags is not None:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.fd, fcntl.F_SETFL, self._flags)
        with contextlib.suppress(OSError):
            os.close(self.fd)

    # -- bytes ------------------------------------------------------------------------------------

    def read(self) -> bytes:
        """What has come; b"" if nothing has. Raises HungUp at the end of input."""
        try:
            data = os.read(self.fd, 4096)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as gone:
            raise HungUp from gone
        if not data:
            raise HungUp
        return data

    def write(self, data: bytes) -> int:
        """Send what the line takes now; return how much. Raises HungUp."""
        try:
            return os.write(self.fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as gone:
            raise HungUp from gone

    def write_within(self, data: bytes, seconds: float) -> None:
        """Send last words, and give up when the time is over or nobody is there."""
        end = time.monotonic() + seconds
        try:
            while data:
                data = data[self.write(data) :]
                left = end - time.monotonic()
                if data and (left <= 0 or not select.select([], [self.fd], [], left)[1]):
                    termios.tcflush(self.fd, termios.TCOFLUSH)
                    return
        except (HungUp, OSError, termios.error):
            return

    def hear_replies(self, count: int, seconds: float) -> None:
        """Read until so many replies of the terminal came or the time is over: to a shell they would be keys.

        A reply is CSI ... n or CSI ... R, in 7 or 8 bits; keys that are typed meanwhile are lost.
        """
        end, heard = time.monotonic() + seconds, b""
        try:
            while len(_REPLY.findall(heard)) < count and (left := end - time.monotonic()) > 0:
                if select.select([self.fd], [], [], left)[0]:
                    heard = (heard + self.read())[-_MOST_HEARD:]
        except (HungUp, OSError):
            return

    # -- figures ----------------------------------------------------------------------------------

    def waiting(self) -> int:
        """Bytes that the kernel has not sent yet (TIOCOUTQ); always 0 on a pty."""
        with contextlib.suppress(OSError):
            return int(struct.unpack("i", fcntl.ioctl(self.fd, termios.TIOCOUTQ, b"\0" * 4))[0])
        return 0

    def bytes_per_second(self) -> float | None:
        """What a serial line carries (ten bits a byte); None where the speed is unknown."""
        with contextlib.suppress(termios.error):
            speed = _SPEEDS.get(termios.tcgetattr(self.fd)[_OSPEED])
            return None if speed is None else speed / 10
        return None

    def size(self) -> tuple[int, int] | None:
        """(columns, rows) as the kernel knows them; None for 0x0, as on a serial line."""
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(self.fd)
            if size.columns > 0 and size.lines > 0:
                return size.columns, size.lines
        return None


def _device(fd: int) -> str | None:
    with contextlib.suppress(OSError):
        return os.ttyname(fd)
    return None


def _controls(fd: int) -> bool:
    """Whether the terminal is our session's own, so that /dev/tty is another name for it (else ENOTTY)."""
    with contextlib.suppress(OSError):
        return os.tcgetpgrp(fd) >= 0
    return False
