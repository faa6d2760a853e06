"""Delivery in any order: sendings, settings, refusals, hangs, bugs: all are answered, all events arrive."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from agents import revision_for, settings_for
from interleaving.loop import LoopClock, played, some_time
from tm_tui.agent.supervisor import Supervisor
from tm_tui.delivery.log_delivery import LogDelivery
from tm_tui.errors import StorageFailed
from tm_tui.link.failures import failure
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.types import Link
from tm_tui.spool.batch import Batch
from tm_tui.spool.events import KINDS
from tm_tui.tasks import end, threaded

if TYPE_CHECKING:
    from tm_tui.delivery.status import Outcome
    from tm_tui.spool.store import Spool

SEEDS = range(100)
SETTLED = 3 * 3600.0


@dataclass
class Queue:
    """The log queue as delivery sees it, in memory; its disk refuses by chance."""

    chance: random.Random
    calm: bool = False
    waiting: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    sealed: list[Batch] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    last: int = 0

    async def _disk(self) -> None:
        await threaded(lambda: None)
        if not self.calm and self.chance.random() < 0.1:
            raise StorageFailed("The disk is full.", "Make room.")

    def add(self) -> None:
        self.waiting[self.chance.choice(KINDS)] += self.chance.randrange(1, 5)

    async def seal(self, *, everything: bool = True) -> None:
        await self._disk()
        for kind, count in self.waiting.items():
            if count and (everything or count > 2):
                first, self.last = self.last + 1, self.last + count
                now = datetime.now(UTC)
                self.sealed.append(Batch(f"{kind}-{first}", kind, first, self.last, count, 10, now, 0))
                self.waiting[kind] = 0

    def batches(self) -> tuple[Batch, ...]:
        return tuple(self.sealed)

    async def read(self, _batch: Batch) -> bytes:
        await self._disk()
        return b"x" * 10

    async def confirm(self, batch: Batch) -> None:
        await self._disk()
        self.sealed.remove(batch)

    async def split(self, _batch: Batch) -> bool:
        return False

    def mark(self, name: str) -> int:
        return self.marks.get(name, 0)

    async def put_mark(self, **marks: int) -> None:
        await self._disk()
        self.marks |= marks


@dataclass
class Servers:
    """All log servers there are: who has what. One session at a time comes from one appliance."""

    chance: random.Random
    calm: bool = False
    open: int = 0
    has: list[tuple[str, str]] = field(default_factory=list)

    def carrier(self, link: Link, _protocol: str, _appliance: str) -> "Session":
        return Session(self, link)

    def maybe_fails(self, link: Link) -> None:
        kind = 1.0 if self.calm else self.chance.random()
        if kind < 0.1:
            code = self.chance.choice(["tcp-refused", "http-auth-refused", "http-busy", "http-refused"])
            raise failure(code, "service", link.endpoint)
        if kind < 0.13:
            raise ZeroDivisionError("a bug")


class Session:
    """One session with one of them, with tasks of its own as SFTP has them."""

    def __init__(self, servers: Servers, link: Link) -> None:
        self._servers, self._link, self._chance = servers, link, servers.chance

    async def __aenter__(self) -> Self:
        self._servers.open += 1
        assert self._servers.open == 1, "two sessions at once"
        try:
            await some_time(self._chance)
            self._servers.maybe_fails(self._link)
        except BaseException:
            self._servers.open -= 1
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await some_time(self._chance, 0.5)
        finally:
            self._servers.open -= 1

    async def deliver(self, name: str, data: bytes, sent: Any, *, again: bool) -> None:
        assert again in {True, False}
        parts = [asyncio.create_task(self._part(sent, len(data) // 2), name="part") for _ in range(2)]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_EXCEPTION)
            for part in done:
                part.result()
            self._servers.maybe_fails(self._link)
            self._servers.has.append((self._link.endpoint.host, name))
        finally:
            await end(parts)

    async def _part(self, sent: Any, size: int) -> None:
        for _ in range(3):
            await some_time(self._chance, 0.5 if self._servers.calm else self._chance.choice([1.0, 70.0]))
            sent(size // 3)


class Lab:
    """One appliance's log delivery."""

    def __init__(self, folder: Path, chance: random.Random, patch: pytest.MonkeyPatch) -> None:
        self.chance, self.clock = chance, LoopClock()
        self.queue, self.servers = Queue(chance), Servers(chance)
        patch.setattr("tm_tui.delivery.service.carrier_for", self.servers.carrier)

        async def look(link: Link, *_: Any, **__: Any) -> None:
            await some_time(chance)
            self.servers.maybe_fails(link)

        patch.setattr("tm_tui.delivery.log_server_check.check_log_server", look)
        self.logs = LogDelivery(
            "tm-lab-1",
            HostKeys(folder / "host_keys"),
            cast("Spool", self.queue),
            changed=lambda: None,
            clock=self.clock,
            chance=chance.random,
            registration_known=lambda: chance.random() < 0.5,
        )
        self.supervisor = Supervisor([self.logs], lambda: None, self.clock, chance.random)
        self.waiters: list[asyncio.Future[Outcome]] = []
        self.number = 0

    def apply(self, host: str, *, enabled: bool = True) -> None:
        self.number += 1
        log_server = {"host": host, "port": 443, "protocol": "ssl", "interval": "1h"}
        self.supervisor.apply(
            revision_for(settings_for(1, enabled=enabled, log_server=log_server), None, self.number)
        )

    async def act(self) -> None:
        kind = self.chance.random()
        delivery = self.logs.delivery()
        if kind < 0.35:
            self.queue.add()
        elif kind < 0.6 and delivery is not None:
            self.waiters.append(delivery.send_now())
        elif kind < 0.7:
            self.logs.trust_changed()
        elif kind < 0.8:
            self.logs.registration_moved()
            self.logs.registered()
        else:
            self.apply(self.chance.choice(["one", "two"]), enabled=self.chance.random() < 0.8)

    async def somebody(self) -> None:
        for _ in range(self.chance.randrange(3, 12)):
            await some_time(self.chance, self.chance.choice([0.01, 5.0, 400.0]))
            await self.act()


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_is_answered_and_everything_arrives(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a sending hears how it ended; in the end all events are at the right server."""

    async def story(chance: random.Random) -> None:
        lab = Lab(tmp_path, chance, monkeypatch)
        lab.apply("one")
        await asyncio.gather(*(asyncio.create_task(lab.somebody()) for _ in range(3)))
        if chance.random() < 0.3:
            await lab.supervisor.stop()
            lab.logs.stop()
            await lab.clock.wait(asyncio.Event(), 10.0)
            assert all(waiter.done() for waiter in lab.waiters)
            return
        lab.queue.calm = lab.servers.calm = True
        lab.apply("last")
        delivery = lab.logs.delivery()
        assert delivery is not None
        before = len(lab.servers.has)
        lab.waiters.append(delivery.send_now())
        await lab.clock.wait(asyncio.Event(), SETTLED)
        assert all(waiter.done() for waiter in lab.waiters)
        assert lab.queue.sealed == []
        assert not any(lab.queue.waiting.values())
        assert {host for host, _ in lab.servers.has[before:]} <= {"last"}
        assert delivery is lab.logs.delivery()
        assert delivery.status().state == "idle"
        for kind in KINDS:
            firsts = [int(name.rpartition("-")[2]) for _, name in lab.servers.has if name.startswith(kind)]
            once = list(dict.fromkeys(firsts))
            assert once == sorted(once), "the order of a kind is lost"
        await lab.supervisor.stop()
        await lab.clock.wait(asyncio.Event(), 10.0)

    played(seed, story, bugs=True)
