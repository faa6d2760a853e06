"""The products of `benchmarks/fleet.py`: real requests over TLS, half of the beats on kept connections."""

import asyncio
import base64
import hashlib
import json
import random
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from benchmarks.fleet_home import BEAT_SECONDS, name_of
from tm_tui.retry import full_jitter

_KEPT = 50
_AGAIN = (5.0, 300.0)
"""As an agent that was not answered: seconds at first, and at most."""


class Streams(NamedTuple):
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Fleet:
    """The clients. `waits` are (when, seconds) of each beat that was answered with 200."""

    def __init__(self, ready: Sequence[dict[str, Any]], number: int) -> None:
        first = ready[0]
        self._status = [one["status_server"]["port"] for one in ready]
        self._log = [one["log_server"]["https_port"] for one in ready]
        self._number = number
        self._context = ssl.create_default_context(cafile=first["ca_file"])
        self._head = _head(first["username"], Path(first["password_file"]).read_text().strip())
        self._kept: dict[int, Streams] = {}
        self.waits: list[tuple[float, float]] = []
        self.other: Counter[str] = Counter()
        self._random = random.Random(1)

    async def request(
        self,
        port: int,
        path: str,
        body: bytes = b"",
        method: str = "GET",
        *,
        kept: int | None = None,
    ) -> tuple[str, int]:
        """Status and length of the answer; "cut" for a connection that ended. `kept`: on which connection.

        One that was kept and has ended meanwhile is replaced once, as agents do.
        """
        streams = None if kept is None else self._kept.pop(kept, None)
        made = streams or await self._opened(port)
        found = await self._asked(made, path, body, method, keep=kept is not None)
        if found[0] == "cut" and streams is not None:
            made.writer.close()
            made = await self._opened(port)
            found = await self._asked(made, path, body, method, keep=True)
        if kept is not None and found[0] != "cut":
            self._kept[kept] = made
        else:
            made.writer.close()
        return found

    async def _opened(self, port: int) -> Streams:
        """From an address of its own, as products have."""
        ours = f"127.{self._random.randrange(1, 250)}.{self._random.randrange(250)}.1"
        more = {"ssl": self._context, "local_addr": (ours, 0)}
        return Streams(*await asyncio.open_connection("127.0.0.1", port, **more))

    async def _asked(
        self, made: Streams, path: str, body: bytes, method: str, *, keep: bool
    ) -> tuple[str, int]:
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n"
        head += f"Connection: {'keep-alive' if keep else 'close'}\r\nContent-Type: application/json\r\n\r\n"
        try:
            made.writer.write(head.encode() + body)
            answer = (await made.reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = answer.partition("content-length: ")[2].partition("\r\n")[0]
            got = len(await (made.reader.readexactly(int(length)) if length or keep else made.reader.read()))
        except (OSError, asyncio.IncompleteReadError):
            return "cut", 0
        return answer.split(" ")[1], got

    async def beat(self, product: int | None = None, kept: int | None = None) -> str:
        """One beat of a product, by chance. Returns its status."""
        number = self._random.randrange(self._number) if product is None else product
        body = {
            "appliance": name_of(number), "version": "1.0", "revision": 1, "sent_at": _now(),
            "heartbeat_seconds": BEAT_SECONDS, "uptime_seconds": 1.0, "instance": f"{number:08x}",
        }  # fmt: skip
        began = time.monotonic()
        if kept is None and product is None and self._random.random() < 0.5:
            kept = self._random.randrange(_KEPT)
        port = self._status[(number if kept is None else kept) % len(self._status)]
        try:
            status, _ = await self.request(
                port, "/v1/heartbeat", json.dumps(body).encode(), "POST", kept=kept
            )
        except OSError:
            status = "no connection"
        if status == "200":
            self.waits.append((began, time.monotonic() - began))
        else:
            self.other[f"beat {status}"] += 1
        return status

    async def register(self, product: int) -> None:
        """One registration, as after an outage: tried again as agents do."""
        body = {
            "appliance": name_of(product), "version": "1.0", "edition": "on-premise",
            "email": "a@example.com", "heartbeat_seconds": BEAT_SECONDS, "instance": f"{product:08x}",
        }  # fmt: skip
        port, began, told = self._status[product % len(self._status)], time.monotonic(), json.dumps(body)
        for failures in range(1, 50):
            try:
                status, _ = await self.request(port, "/v1/registration", told.encode(), "POST")
            except OSError:
                status = "no connection"
            if status in {"200", "201"}:
                self.waits.append((began, time.monotonic() - began))
                return
            self.other[f"registration {status}"] += 1
            await asyncio.sleep(full_jitter(failures, *_AGAIN, self._random.random))

    async def batch(self, number: int) -> None:
        """One small batch."""
        appliance, now = name_of(self._random.randrange(self._number)), datetime.now(UTC)
        lines = b"".join(json.dumps(event(number * 20 + n, now)).encode() + b"\n" for n in range(20))
        packed = zstandard.ZstdCompressor().compress(lines)
        name = f"{appliance}-{number:012d}-{hashlib.sha256(packed).hexdigest()[:16]}.ndjson.zst"
        port = self._log[number % len(self._log)]
        status, _ = await self.request(port, f"/logs/{appliance}/{name}", packed, "PUT")
        if status != "201":
            self.other[f"batch {status}"] += 1

    async def live(self, seconds: float, *, quiet: float = 0.0) -> None:
        """Beats at their pace, after a `quiet` time a batch a second too, whatever the answers take."""
        under_way, began = set(), time.monotonic()
        beats = batches = 0
        while (passed := time.monotonic() - began) < seconds:
            while beats < passed * self._number / BEAT_SECONDS:
                under_way.add(asyncio.create_task(self.beat()))
                beats += 1
            if batches < passed - quiet:
                batches += 1
                under_way.add(asyncio.create_task(self.batch(batches)))
            under_way = {task for task in under_way if not task.done()}
            await asyncio.sleep(0.01)
        await asyncio.gather(*under_way)


def _head(name: str, password: str) -> str:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return f"Host: localhost\r\nAuthorization: Basic {pair}\r\n"


def _now() -> str:
    return datetime.now(UTC).isoformat()


def event(seq: int, at: datetime) -> dict[str, Any]:
    """A line of a threat event log."""
    return {
        "seq": seq, "kind": "threat-event", "id": f"e{seq}", "time": at.isoformat(),
        "endpoint": {"hostname": f"pc-{seq % 997}", "ip": "192.0.2.1"},
        "event_type": "on-demand-scan-by-user", "source": "on-demand-scan",
        "status": random.choice(("cleaned", "unsuccessful")),
        "threat": {"name": f"TROJ_{seq % 53}", "severity": random.choice(("high", "low"))},
    }  # fmt: skip
