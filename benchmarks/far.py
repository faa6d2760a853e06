"""A server that is far away: `python -m benchmarks.far PORT MILLISECONDS` prints the port of a way to it.

Everything takes half a round trip longer in each direction, and nothing else changes: no loss, no limit.
(netem would do the same in the kernel, where it is there.)
"""

import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_AT_ONCE = 1 << 20


class _Lane:
    """One direction: bytes go on `delay` seconds after they came."""

    def __init__(self, source: socket.socket, target: socket.socket, delay: float) -> None:
        self._source, self._target, self._delay = source, target, delay
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._came = threading.Semaphore(0)
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        data = b"x"
        while data:
            try:
                data = self._source.recv(_AT_ONCE)
            except OSError:
                data = b""
            self._waiting.append((time.monotonic() + self._delay, data))
            self._came.release()

    def _write(self) -> None:
        with suppress(OSError):
            while True:
                self._came.acquire()
                due, data = self._waiting.popleft()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    self._target.shutdown(socket.SHUT_WR)
                    return
                self._target.sendall(data)


def main() -> None:
    """Listen, print the port, carry until killed."""
    target, milliseconds = int(sys.argv[1]), float(sys.argv[2])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", target))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for pair in ((near, far), (far, near)):
                _Lane(*pair, delay=milliseconds / 2000)


@contextmanager
def far_away(port: int, milliseconds: float) -> Iterator[int]:
    """A port that leads to `port` with this round trip."""
    command = [sys.executable, "-m", "benchmarks.far", str(port), str(milliseconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()
