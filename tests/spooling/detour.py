"""A way to a server that is cut again and again, after so many bytes: in handshakes, uploads and replies."""

import contextlib
import random
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Detour:
    """Passes bytes on, up to a random number a connection; `calm` ends that."""

    target: int
    chance: random.Random
    most: int
    port: int = 0
    cuts: int = 0
    calm: bool = False
    _listener: socket.socket = field(default_factory=socket.socket)

    def start(self) -> None:
        """Listen on a loopback port."""
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        budget = (1 << 60) if self.calm else self.chance.randrange(self.most)
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as far:
            with selectors.DefaultSelector() as waiting:
                waiting.register(near, selectors.EVENT_READ, far)
                waiting.register(far, selectors.EVENT_READ, near)
                while budget > 0:
                    for key, _ in waiting.select():
                        data = key.fileobj.recv(min(4096, max(1, budget)))  # type: ignore[union-attr]
                        if not data:
                            return
                        budget -= len(data)
                        key.data.sendall(data)
            self.cuts += 1


@contextlib.contextmanager
def detour(target: int, *, seed: int, most: int) -> Iterator[Detour]:
    """Run one to a loopback port; each connection is cut after fewer than `most` bytes."""
    running = Detour(target, random.Random(seed), most)
    running.start()
    try:
        yield running
    finally:
        running.stop()
