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
    """Passes bytes on, up to a random number a connection; `calm` ends that.

    `swallow`: after that many bytes of upload everything still arrives, but the next reply is lost.
    """

    target: int
    chance: random.Random
    most: int
    swallow: bool = False
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
                while budget > 0 or self.swallow:
                    for key, _ in waiting.select():
                        up = key.fileobj is near
                        if self.swallow and budget <= 0 and not up:
                            self.cuts += 1
                            return
                        size = 4096 if self.swallow else min(4096, max(1, budget))
                        data = key.fileobj.recv(size)  # type: ignore[union-attr]
                        if not data:
                            return
                        budget -= len(data) if up or not self.swallow else 0
                        key.data.sendall(data)
            self.cuts += 1


@contextlib.contextmanager
def detour(target: int, *, seed: int, most: int, swallow: bool = False) -> Iterator[Detour]:
    """Run one to a loopback port; each connection is cut after fewer than `most` bytes."""
    running = Detour(target, random.Random(seed), most, swallow)
    running.start()
    try:
        yield running
    finally:
        running.stop()
