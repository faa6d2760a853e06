"""How long a beat waits while a portal serves a fleet: beats, a batch a second, and a midnight in the middle.

`python -m benchmarks.fleet [--products N] [--seconds S] [--events M]` measures one portal on SQLite;
`--postgresql W` one on PostgreSQL with W processes for the web and one worker. `--growth` tells the bytes
that M events add, `--storm` how a portal takes a fleet that registers all at once, `--crowd` one whose
products all keep their connection. `--all` does all of that, in some ten minutes, and prints the tables of
docs/fleet.md; `--short` a tenth of it, in two.

Products, and a past with M events (`benchmarks/fleet_home.py`), are entered before; their reports become due
at the midnight, of a zone that is made for it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from benchmarks import fleet_home  # noqa: E402
from benchmarks.fleet_clients import Fleet, event  # noqa: E402
from benchmarks.fleet_pages import pages  # noqa: E402
from servers import postgres  # noqa: E402
from tm_tui.portal import reading, tables  # noqa: E402
from tm_tui.portal.database import opened  # noqa: E402
from tm_tui.portal.home import PortalHome  # noqa: E402

_WRONG = {"job-failed", "jobs-not-done", "library", "not-indexed"}
_SCRIPT = "from tm_tui.cli.portal import portal; portal()"
_START_SECONDS = 8.0
"""So long a portal's start may take; a large home's a little longer."""


@dataclass
class Place:
    """A home with a fleet in it, and the database that it uses: an URL, or empty for SQLite."""

    path: Path
    number: int
    events: int = 0
    database: str = ""
    home: PortalHome = field(init=False)

    def __post_init__(self) -> None:
        self.home = PortalHome(self.path)

    @property
    def where(self) -> Path | str:
        """The database."""
        return self.database or self.home.database

    def fill(self) -> float:
        """Make it. Returns the seconds that took."""
        began = time.monotonic()
        self.home.prepare()
        if self.database:
            (self.path / "portal.toml").write_text(f'database = "{self.database}"\n')
        fleet_home.enter(self.where, self.number, self.events)
        return time.monotonic() - began


class Portal:
    """A running portal: one process, or W of the web and a worker."""

    def __init__(self, place: Place, webs: int) -> None:
        roles = ([["web"]] * webs + [["worker"]]) if webs else [[]]
        self._place = place
        self._log = (place.path / "log").open("w")
        self._processes = [self._started(one) for one in roles]
        ready = [json.loads(one.stdout.readline()) for one in self._processes if one.stdout]
        self.ready = ready[: max(1, webs)]

    def _started(self, roles: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _SCRIPT, "--home", str(self._place.path)]
        command += ["serve", *(word for role in roles for word in ("--role", role))] if roles else []
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log)

    def seconds(self) -> float:
        """Of a processor that it has taken until now."""
        ticks = 0
        for one in self._processes:
            told = Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(told[11]) + int(told[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self) -> list[dict[str, Any]]:
        """Stop it. Returns what is wrong in its log."""
        for one in self._processes:
            one.terminate()
        for one in self._processes:
            one.wait()
        self._log.close()
        lines = [json.loads(line) for line in (self._place.path / "log").read_text().splitlines()]
        return [line for line in lines if line["event"] in _WRONG]


@contextlib.contextmanager
def running(place: Place, webs: int = 0) -> Iterator[Portal]:
    """A portal while the block runs."""
    portal = Portal(place, webs)
    try:
        yield portal
    finally:
        if wrong := portal.end():
            print(f"in the portal's log: {wrong[:3]}")


def figures(waits: list[float]) -> str:
    """Median, 99th percentile and worst of some beats, in milliseconds."""
    if len(waits) < 2:
        return "-, -, -"
    found = statistics.quantiles(waits, n=100, method="inclusive")
    return ", ".join(f"{1000 * one:.0f}" for one in (found[49], found[98], max(waits)))


def over_midnight(place: Place, seconds: int, webs: int = 0, words: str = "") -> None:
    """Beats alone for a quarter of the time, then a batch a second, from the middle on reports; a row."""
    lead = _START_SECONDS + 2 * webs + place.number / 2000 + place.events / 1e6 + seconds / 2
    midnight = time.time() + lead
    os.environ["TZ"] = f"TST{_offset(int(86400 - midnight % 86400))}"
    time.tzset()
    fleet_home.settle(place.where, place.path, place.number, midnight)
    with running(place, webs) as portal:
        fleet = Fleet(portal.ready, place.number)
        late = max(0.0, time.time() + seconds / 2 - midnight)
        if late:
            print(f"(the portal was {late:.0f} s late)")
        over = time.monotonic() + midnight - time.time()
        time.sleep(max(0.0, over - time.monotonic() - seconds / 2))
        quiet, cpu = time.monotonic() + seconds / 4, portal.seconds()
        asyncio.run(fleet.live(seconds, quiet=seconds / 4))
        cpu = (portal.seconds() - cpu) / seconds
    parts: tuple[list[float], ...] = ([], [], [])
    for at, wait in fleet.waits:
        parts[0 if at + wait < quiet else 1 if at + wait < over else 2].append(wait)
    with opened(place.where, reading=True) as connection:
        made_since = tables.reports.c.made_at >= midnight
        made = connection.execute(select(func.count()).where(made_since)).scalar_one()
    rows = " | ".join(figures(one) for one in parts)
    other = ", ".join(f"{one}: {number}" for one, number in fleet.other.items()) or "none"
    rate = made / (seconds / 2)
    print(f"| {words or place.number} | {len(fleet.waits)} | {rows} |", end="")
    print(f" {100 * cpu:.0f} % | {rate:.0f} | {other} |", flush=True)


_HEAD = """
| products | beats | alone: median, p99, worst | batches too | over midnight | CPU | reports/s | other |
|---|---|---|---|---|---|---|---|"""


def storm(place: Place) -> None:
    """All products register within ten seconds, as after an outage; who is not let in tries again."""
    fleet_home.settle(place.where, place.path, place.number, time.time() + 43200)
    with running(place) as portal:
        fleet = Fleet(portal.ready, place.number)

        async def one(product: int) -> None:
            await asyncio.sleep(10 * product / place.number)
            await fleet.register(product)

        async def every() -> None:
            await asyncio.gather(*(one(product) for product in range(place.number)))

        began = time.monotonic()
        asyncio.run(every())
        taken = time.monotonic() - began
    other = dict(fleet.other) or "none"
    waits = figures([wait for _, wait in fleet.waits])
    print(f"| {place.number} products register at once | {taken:.0f} s | {waits} | {other} |", flush=True)


def crowd(place: Place) -> None:
    """All products keep their connection after a beat; an operator comes; all beat again."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    number = min(place.number, most - 500)
    fleet_home.settle(place.where, place.path, place.number, time.time() + 43200)
    with running(place) as portal:
        fleet, turns = Fleet(portal.ready, place.number), asyncio.Semaphore(200)

        async def one(product: int) -> None:
            async with turns:
                await fleet.beat(product, kept=product)

        async def every() -> None:
            for _ in range(2):
                await asyncio.gather(*(one(product) for product in range(number)))
                found = await asyncio.to_thread(pages, portal.ready[0], ("products",))
                print(f"| an operator among {number} connections | | {found[0].told} | |", flush=True)

        asyncio.run(every())
    waits = figures([wait for _, wait in fleet.waits])
    other = dict(fleet.other) or "none"
    print(f"| {number} products, two beats each, connections kept | | {waits} | {other} |", flush=True)


def show(place: Place, words: str) -> None:
    """The operator's pages: the slowest and the largest of them."""
    fleet_home.settle(place.where, place.path, place.number, time.time() + 43200)
    with running(place) as portal:
        found = [one for one in pages(portal.ready[0]) if not one.path.partition("?")[0].endswith(".csv")]
    slow, large = max(found, key=lambda one: one.seconds), max(found, key=lambda one: one.bytes)
    print(f"| {words} | {len(found)} | {slow.told} | {large.told} |", flush=True)


def grow(number: int, events: int, database: str = "") -> None:
    """How many bytes the database grows by, with so many events of so many products."""
    with tempfile.TemporaryDirectory() as name:
        where: Path | str = database or Path(name) / "portal.sqlite3"
        fleet_home.enter(where, number, 0)
        before, since = size_of(where), datetime.now(UTC) - timedelta(hours=1)
        with opened(where) as connection:
            for start in range(0, events, 500):
                portion = reading.Portion()
                for seq in range(start, min(events, start + 500)):
                    portion.add(event(seq, since), since)
                appliance = fleet_home.name_of(start // 500 % number)
                reading.keep(connection, appliance, portion, since.timestamp())
                connection.commit()
        grown = (size_of(where) - before) / events * 1e6 / (1 << 20)
        print(f"| {'PostgreSQL' if database else 'SQLite'} | {grown:.0f} MiB a million events |", flush=True)


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


def every(base: Path, server: postgres.Postgres, part: int) -> None:
    """All of it; of a `part` of ten, a tenth."""
    seconds, most, events = (20, 10_000, 5_000_000) if part == 1 else (12, 1_000, 100_000)
    large = [Place(base / "large", most, events), Place(base / "large-pg", most, events, server.database())]
    with ProcessPoolExecutor(2) as pool:  # while nothing is measured
        taken = [f"{one:.0f} s" for one in pool.map(Place.fill, large)]
    print(f"{most} products with {events} events entered in {' and '.join(taken)}")
    print("\n| pages | number | the slowest | the largest |\n|---|---|---|---|")
    for place, words in zip(large, ("SQLite", "PostgreSQL"), strict=True):
        show(place, words)
    print(_HEAD)
    for number in (1_000, 3_000, 10_000, 30_000):
        place = Place(base / f"of-{number}", number // part)
        place.fill()
        over_midnight(place, seconds)
    over_midnight(large[0], seconds, words=f"{most}, {events} events")
    over_midnight(large[1], seconds, 1, f"{most}, {events} events, PostgreSQL, 1 web process")
    for webs in (1, 2, 4):
        place = Place(base / f"webs-{webs}", most, 0, server.database())
        place.fill()
        over_midnight(place, seconds, webs, f"{most}, PostgreSQL, {webs} web")
    print("\n| | | milliseconds: median, p99, worst | other answers |\n|---|---|---|---|")
    place = Place(base / "storm", most)
    place.fill()
    storm(place)
    crowd(place)
    print("\n| grows by | |\n|---|---|")
    grow(100, 100_000 // part)
    grow(100, 100_000 // part, server.database())


@contextlib.contextmanager
def _server() -> Iterator[postgres.Postgres]:
    """PostgreSQL that commits to the disk, as one of a fleet does; the tests' own does not."""
    postgres._OPTIONS = ("listen_addresses=", "max_connections=200")
    with postgres.postgres() as running_:
        yield running_


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("products", 10_000), ("seconds", 40), ("events", 0), ("postgresql", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ("growth", "storm", "crowd", "pages", "all", "short"):
        parser.add_argument(f"--{name}", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        needs_server = given.all or given.short or given.postgresql
        server = stack.enter_context(_server()) if needs_server else None
        database = server.database() if server else ""
        if given.all or given.short:
            assert server is not None
            every(Path(name), server, 1 if given.all else 10)
            print(f"\nin {time.monotonic() - began:.0f} s")
            return
        if given.growth:
            grow(given.products, given.events, database)
            return
        place = Place(Path(name) / "home", given.products, given.events, database)
        print(f"entered in {place.fill():.1f} s", flush=True)
        if given.storm or given.crowd:
            (storm if given.storm else crowd)(place)
        elif given.pages:
            show(place, "pages")
        else:
            print(_HEAD)
            over_midnight(place, given.seconds, given.postgresql)


if __name__ == "__main__":
    main()
