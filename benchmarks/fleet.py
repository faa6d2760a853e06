"""How long a beat waits while a portal serves a fleet: beats, a batch a second, and a midnight in the middle.

Run with `python -m benchmarks.fleet [--products N] [--seconds S] [--events M] [--database URL]`. The portal
is a process of its own; half of the beats come on kept connections, half on new ones. Products are entered
into the database before, with M events; their reports become due at the midnight. With `--growth` only the
bytes are told that M events add to the database.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard
from sqlalchemy import func, select, text

from tm_tui.portal import products, reading, tables
from tm_tui.portal.database import opened
from tm_tui.portal.home import PortalHome
from tm_tui.status_server.protocol import RegistrationRequest

_BEAT_SECONDS = 300
_KEPT = 50
_WRONG = {"job-failed", "jobs-not-done", "library", "not-indexed"}
_SCRIPT = "from tm_tui.cli.portal import portal; portal()"


def fill(database: Path | str, number: int, events: int) -> None:
    """Register so many products since yesterday, with this many events in all."""
    since = datetime.now(UTC) - timedelta(hours=1)
    with opened(database) as connection:
        for index in range(number):
            request = RegistrationRequest(
                appliance=f"tm-{index:06d}", version="1.0", edition="on-premise", email="a@example.com",
                heartbeat_seconds=_BEAT_SECONDS,
            )  # fmt: skip
            products.register(connection, request, "registering-user", since)
        for start in range(0, events, 500):
            portion = reading.Portion()
            for seq in range(start, min(events, start + 500)):
                portion.add(event(seq, since), since)
            reading.keep(connection, f"tm-{start // 500 % number:06d}", portion, since.timestamp())
            connection.commit()


def event(seq: int, at: datetime) -> dict[str, Any]:
    """A line of a threat event log."""
    return {
        "seq": seq, "kind": "threat-event", "id": f"e{seq}", "time": at.isoformat(),
        "endpoint": {"hostname": f"pc-{seq % 997}", "ip": "192.0.2.1"},
        "event_type": "on-demand-scan-by-user", "source": "on-demand-scan",
        "status": random.choice(("cleaned", "unsuccessful")),
        "threat": {"name": f"TROJ_{seq % 53}", "severity": random.choice(("high", "low"))},
    }  # fmt: skip


class Fleet:
    """The clients. `waits` are (when, seconds) of each beat that was answered with 200."""

    def __init__(self, ready: dict[str, Any], password: str, number: int) -> None:
        self._status = ready["status_server"]["port"]
        self._log = ready["log_server"]["https_port"]
        self._number = number
        self._context = ssl.create_default_context(cafile=ready["ca_file"])
        pair = base64.b64encode(f"{ready['username']}:{password}".encode()).decode()
        self._head = f"Host: localhost\r\nAuthorization: Basic {pair}\r\n"
        self._kept: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.Queue()
        self.waits: list[tuple[float, float]] = []
        self.other: list[str] = []
        self._random = random.Random(1)
        for _ in range(_KEPT):
            self._kept.put_nowait(None)

    async def _request(self, port: int, path: str, body: bytes, method: str, *, keep: bool) -> str:
        streams = await self._kept.get() if keep else None
        made = streams or await asyncio.open_connection("127.0.0.1", port, ssl=self._context)
        reader, writer = made
        how = "keep-alive" if keep else "close"
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Connection: {how}\r\nContent-Length: {len(body)}\r\n"
        try:
            writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = answer.partition("content-length: ")[2].partition("\r\n")[0]
            await reader.readexactly(int(length or 0))
        except (OSError, asyncio.IncompleteReadError):
            made = None
            return "cut"
        finally:
            if keep:
                self._kept.put_nowait(made)
            if not keep or made is None:
                writer.close()
        return answer.split(" ")[1]

    async def beat(self) -> None:
        """One beat of a product by chance."""
        body = {
            "appliance": f"tm-{self._random.randrange(self._number):06d}", "version": "1.0", "revision": 1,
            "sent_at": datetime.now(UTC).isoformat(), "heartbeat_seconds": _BEAT_SECONDS,
            "uptime_seconds": 1.0, "instance": "one",
        }  # fmt: skip
        began = time.monotonic()
        keep = self._random.random() < 0.5
        status = await self._request(
            self._status, "/v1/heartbeat", json.dumps(body).encode(), "POST", keep=keep
        )
        if status == "200":
            self.waits.append((began, time.monotonic() - began))
        else:
            self.other.append(f"beat {status}")

    async def batch(self, number: int) -> None:
        """One small batch."""
        appliance, now = f"tm-{self._random.randrange(self._number):06d}", datetime.now(UTC)
        lines = b"".join(json.dumps(event(number * 20 + n, now)).encode() + b"\n" for n in range(20))
        packed = zstandard.ZstdCompressor().compress(lines)
        name = f"{appliance}-{number:012d}-{hashlib.sha256(packed).hexdigest()[:16]}.ndjson.zst"
        status = await self._request(self._log, f"/logs/{appliance}/{name}", packed, "PUT", keep=False)
        if status != "201":
            self.other.append(f"batch {status}")

    async def live(self, seconds: float) -> None:
        """Beats at their pace, a batch a second, whatever the answers take."""
        under_way, began = set(), time.monotonic()
        beats = batches = 0
        while (passed := time.monotonic() - began) < seconds:
            while beats < passed * self._number / _BEAT_SECONDS:
                under_way.add(asyncio.create_task(self.beat()))
                beats += 1
            if batches < passed:
                batches += 1
                under_way.add(asyncio.create_task(self.batch(batches)))
            under_way = {task for task in under_way if not task.done()}
            await asyncio.sleep(0.01)
        await asyncio.gather(*under_way)


def told(waits: list[float]) -> str:
    """Of some beats."""
    if len(waits) < 2:
        return f"{len(waits)} beats"
    found = statistics.quantiles(waits, n=100, method="inclusive")
    half, most, worst = (f"{1000 * one:.0f} ms" for one in (found[49], found[98], max(waits)))
    return f"{len(waits)} beats: median {half}, p99 {most}, worst {worst}"


def run(number: int, seconds: int, events: int, database: str) -> None:
    """One portal, one midnight."""
    with tempfile.TemporaryDirectory() as name:
        home = PortalHome(Path(name) / "home")
        home.prepare()
        where: Path | str = database or home.database
        if database:
            (home.path / "portal.toml").write_text(f'database = "{database}"\n')
        lead = number / 250 + events / 500 + 8 + seconds / 2
        before = time.time() + lead  # then it is midnight there
        os.environ["TZ"] = f"TST{_offset(int(86400 - before % 86400))}"
        time.tzset()
        began = time.monotonic()
        fill(where, number, events)
        print(f"{number} products, {events} events entered in {time.monotonic() - began:.1f} s", flush=True)
        with (Path(name) / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _SCRIPT, "--home", str(home.path)],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            fleet = Fleet(ready, Path(ready["password_file"]).read_text(), number)
            midnight = time.monotonic() + before - time.time()
            time.sleep(max(0.0, midnight - time.monotonic() - seconds / 2))
            asyncio.run(fleet.live(seconds))
        finally:
            process.terminate()
            process.wait()
            lines = [json.loads(line) for line in (Path(name) / "log").read_text().splitlines()]
            if wrong := [line for line in lines if line["event"] in _WRONG]:
                print(f"in the portal's log: {wrong[:3]}")
        calm = [wait for at, wait in fleet.waits if at + wait < midnight]
        over = [wait for at, wait in fleet.waits if at + wait >= midnight]
        with opened(where, reading=True) as connection:
            made = connection.execute(select(func.count()).select_from(tables.reports)).scalar_one()
        print(f"before midnight: {told(calm)}\nafter it:        {told(over)}")
        print(f"reports made in {seconds / 2:.0f} s: {made}; other answers: {fleet.other[:5] or 'none'}")


def grow(number: int, events: int, database: str) -> None:
    """How many bytes the database grows by, with so many events of so many products."""
    with tempfile.TemporaryDirectory() as name:
        where = database or Path(name) / "portal.sqlite3"
        fill(where, number, 0)
        before = size_of(where)
        fill(where, number, events)
        grown = (size_of(where) - before) / events * 1e6 / (1 << 20)
        print(f"{number} products, {events} events: {grown:.0f} MiB a million events")


def size_of(where: Path | str) -> int:
    """Bytes of a database, with its indexes."""
    asked = (
        "SELECT pg_database_size(current_database())"
        if isinstance(where, str)
        else "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    )
    with opened(where, reading=True) as connection:
        found: int = connection.execute(text(asked)).scalar_one()
    return found


def _offset(seconds: int) -> str:
    """POSIX: what is added to local time to get UTC, so a zone ahead has a minus."""
    return f"-{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--database", default="")
    parser.add_argument("--growth", action="store_true", help="measure bytes, not beats")
    given = parser.parse_args()
    if given.growth:
        grow(given.products, given.events, given.database)
        return
    run(given.products, given.seconds, given.events, given.database)


if __name__ == "__main__":
    main()
