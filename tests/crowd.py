"""A hostile user at the control socket: thousands of connections of five kinds.

It runs in a process of its own (people.Child) and is asked for its counts.
"""

import errno
import json
import os
import resource
import select
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from people import Child, Identity

IDLE, HALF, SLOW, UNREAD, COSTLY = KINDS = ("idle", "half", "slow", "unread", "costly")
_COSTLY = (
    "/v1/diagnostics",
    "/v1/history",
    "/v1/spool?format=csv",
    "/v1/trust",
    "/v1/activity",
    "/v1/patterns",
    "/v1/cases",
    "/v1/diagnostics?format=text",
)
_STREAMS = ("/v1/activity/stream", "/v1/status/stream")
_SLOWLY = b"GET /v1/status HTTP/1.1\r\nHost: " + b"a" * 10_000
_AGAIN_SECONDS = 1.0
"""From one's end until it is opened again."""


@dataclass(eq=False)
class _One:
    kind: str
    number: int
    sock: socket.socket | None = None
    due: float = 0.0
    heard: bytearray = field(default_factory=bytearray)
    asked: int = 0
    tried: bool = False


def crowd(path: str, identity: Identity, counts: dict[str, int], *, again: bool = True) -> Child:
    """Wait for a word, then begin, as this user; the answer comes when each connection was tried once.

    Asked `counts`, it tells as JSON how many of each kind are open, were refused, were ended, and how many
    answers of which status came. `again`: what is closed is opened anew.
    """

    def work(orders: int, said: int) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _Crowd(path, counts, orders, said, again=again).run()

    return Child(identity, work)


class _Crowd:
    def __init__(self, path: str, counts: dict[str, int], orders: int, said: int, *, again: bool) -> None:
        self._path = path
        self._orders, self._said, self._again = orders, said, again
        kinds = [kind for kind, count in counts.items() for _ in range(count)]
        self._all = [_One(kind, number) for number, kind in enumerate(kinds)]
        self._todo = deque(self._all)
        self._closed: deque[_One] = deque()
        self._slow: deque[tuple[float, _One, socket.socket]] = deque()
        self._by_handle: dict[int, _One] = {}
        self._poll = select.epoll()
        self._poll.register(orders, select.EPOLLIN)
        self._told = False
        self._untried = len(self._all)
        self._counts: Counter[str] = Counter()

    def run(self) -> None:
        """Until nobody asks any more."""
        if not os.read(self._orders, 4096):
            return
        while True:
            self._open_some()
            for handle, events in self._poll.poll(0.01 if self._todo else 0.05):
                if handle == self._orders:
                    if not os.read(self._orders, 4096):
                        return
                    self._tell(json.dumps(self._state()))
                elif one := self._by_handle.get(handle):
                    self._served(one, events)
            self._due()
            if not self._untried and not self._told:
                self._told = True
                self._tell("all tried")

    def _tell(self, line: str) -> None:
        os.write(self._said, line.encode() + b"\n")

    def _state(self) -> dict[str, int]:
        opened = Counter(f"open {one.kind}" for one in self._by_handle.values())
        return {**self._counts, **opened, "open": len(self._by_handle)}

    def _open_some(self) -> None:
        for _ in range(min(50, len(self._todo))):
            one = self._todo.popleft()
            sock = socket.socket(socket.AF_UNIX)
            sock.setblocking(False)
            try:
                sock.connect(self._path)
            except OSError as error:
                sock.close()
                if error.errno != errno.EAGAIN:
                    raise
                self._todo.appendleft(one)  # the queue of the socket is full
                return
            one.sock, one.heard, one.asked = sock, bytearray(), 0
            self._by_handle[sock.fileno()] = one
            watched = select.EPOLLRDHUP if one.kind == UNREAD else select.EPOLLIN | select.EPOLLRDHUP
            self._poll.register(sock.fileno(), watched)
            self._begin(one)
            if not one.tried:
                one.tried = True
                self._untried -= 1

    def _begin(self, one: _One) -> None:
        match one.kind:
            case "half":
                self._send(one, b"GET /v1/status HTTP/1.1\r\nHo")
            case "slow":
                assert one.sock
                self._slow.append((time.monotonic() + 1.0, one, one.sock))
            case "unread":
                path = _STREAMS[one.number % len(_STREAMS)]
                session = f"Tm-Tui-Session: hostile-{one.number}\r\n"
                self._send(one, f"GET {path} HTTP/1.1\r\nHost: a\r\n{session}\r\n".encode())
            case "costly":
                self._ask(one)

    def _ask(self, one: _One) -> None:
        path = _COSTLY[(one.number + one.asked) % len(_COSTLY)]
        one.asked += 1
        one.heard.clear()
        self._send(one, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    def _send(self, one: _One, what: bytes) -> None:
        assert one.sock
        try:
            one.sock.send(what)
        except OSError:
            return  # its end is told by the poll

    def _served(self, one: _One, events: int) -> None:
        assert one.sock
        piece = b""
        if events & select.EPOLLIN:
            try:
                piece = one.sock.recv(1 << 20)
            except OSError:
                piece = b""
        if piece:
            one.heard += piece
            self._heard(one)
        elif events & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLIN | select.EPOLLERR):
            self._ended(one)

    def _heard(self, one: _One) -> None:
        head, found, body = bytes(one.heard).partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        if b"content-length:" in lower:
            whole = len(body) >= int(lower.partition(b"content-length:")[2].split(b"\r\n")[0])
        else:
            whole = body.endswith(b"0\r\n\r\n")
        if whole:
            self._counts[f"status {head.split()[1].decode()}"] += 1
            if one.kind == COSTLY and b"connection: close" not in lower:
                self._ask(one)

    def _ended(self, one: _One) -> None:
        assert one.sock
        turned_away = one.heard.startswith(b"HTTP/1.1 503")
        self._counts[f"{'refused' if turned_away else 'ended'} {one.kind}"] += 1
        del self._by_handle[one.sock.fileno()]
        one.sock.close()
        one.sock = None
        one.due = time.monotonic() + _AGAIN_SECONDS
        if self._again:
            self._closed.append(one)

    def _due(self) -> None:
        now = time.monotonic()
        while self._closed and self._closed[0].due <= now:
            self._todo.append(self._closed.popleft())
        while self._slow and self._slow[0][0] <= now:
            _, one, sock = self._slow.popleft()
            if one.sock is sock:
                self._send(one, _SLOWLY[one.asked : one.asked + 1])
                one.asked += 1
                self._slow.append((now + 1.0, one, sock))


def counts_of(child: Child) -> dict[str, int]:
    """What it has met so far."""
    found: dict[str, int] = json.loads(child.ask("counts"))
    return found
