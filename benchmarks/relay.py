"""A relay that counts what passes it, in a process of its own: `python -m benchmarks.relay PORT`.

Prints its port, carries one connection to PORT, then prints a line of JSON: for both directions the bytes,
the mean a second and the greatest second. Up counts when the client's bytes arrive; down counts when the
client's kernel has acknowledged them, so that nothing waits uncounted here.
"""

import fcntl
import json
import select
import socket
import struct
import sys
import time

_SIOCOUTQ = 0x5411  # tcp(7): bytes in the send queue that are not acknowledged
_SLOT = 0.005


def _unsent(sock: socket.socket) -> int:
    try:
        return struct.unpack("i", fcntl.ioctl(sock, _SIOCOUTQ, b"\0\0\0\0"))[0]
    except OSError:
        return 0


class Count:
    """Bytes of one direction by time."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def stand(self, total: int) -> None:
        """So many passed until now."""
        if total and (not self.seen or total > self.seen[-1][1]):
            self.seen.append((time.perf_counter(), total))

    def figures(self) -> dict[str, float]:
        """The mean from the first bytes on, these not counted, to the last."""
        if len(self.seen) < 2:
            return {"bytes": 0, "mean": 0.0, "peak_second": 0.0}
        begin, total = self.seen[0][0], self.seen[-1][1]
        mean = (total - self.seen[0][1]) / max(_SLOT, self.seen[-1][0] - begin)
        points, peak, low = [(begin - _SLOT, 0), *self.seen], 0, 0
        for moment, count in points:
            while points[low][0] < moment - 1.0:
                low += 1
            peak = max(peak, count - points[max(0, low - 1)][1])
        return {"bytes": total, "mean": mean, "peak_second": float(peak)}


def relay(client: socket.socket, server: socket.socket) -> dict[str, dict[str, float]]:
    """Carry both ways until one ends."""
    up, down = Count(), Count()
    sent_up = sent_down = 0
    held_up, held_down = b"", b""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    for sock in (client, server):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    open_ones = {client, server}
    while client in open_ones and (server in open_ones or held_down or _unsent(client)):
        reading = [
            one for one, held in ((client, held_up), (server, held_down)) if not held and one in open_ones
        ]
        writing = [one for one, held in ((client, held_down), (server, held_up)) if held]
        ready, free, _ = select.select(reading, writing, [], _SLOT)
        try:
            if client in ready:
                held_up = client.recv(65536)
                sent_up += len(held_up)
                if not held_up:
                    open_ones.discard(client)
            if server in ready:
                held_down = server.recv(65536)
                if not held_down:
                    open_ones.discard(server)
            if held_up:
                held_up = held_up[_sent(server, held_up) :]
            if held_down and (client in free or server in ready):
                size = _sent(client, held_down)
                held_down, sent_down = held_down[size:], sent_down + size
        except OSError:
            break
        up.stand(sent_up)
        down.stand(sent_down - _unsent(client))
    return {"up": up.figures(), "down": down.figures()}


def _sent(sock: socket.socket, data: bytes) -> int:
    try:
        return sock.send(data)
    except BlockingIOError:
        return 0


def main() -> None:
    """Wait for one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as server:
        print(json.dumps(relay(client, server)), flush=True)


if __name__ == "__main__":
    main()
