"""The supervisor in any order: each service at most once, with the last settings, nothing left at the end."""

import asyncio
import random
from typing import Any

import pytest

from agents import revision_for, settings_for
from interleaving.loop import LoopClock, played, some_time
from tm_tui.agent.supervisor import Supervisor
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.tasks import threaded, unbroken

SEEDS = range(120)
SETTLED = 400.0
"""Longer than any backing off."""


class Odd(Service):
    """A service that takes its time to begin and to end, has children, and fails now and then."""

    name = "odd"

    def __init__(self, name: str, chance: random.Random) -> None:
        self.by, self.chance = name, chance
        self.running = self.beside = 0
        self.calm = False
        self.prepared = self.runs_with = 0
        self.disk = 0

    def concerns(self, revision: Revision) -> object:
        tmsp = revision.settings.tmsp
        return tmsp.email if self.by == "by e-mail" else (tmsp.enabled, tmsp.username)

    def prepare(self, revision: Revision) -> None:
        self.prepared = revision.number

    async def work(self, revision: Revision) -> None:
        assert self.beside == 0, "a child of the run before works on"
        self.running += 1
        assert self.running == 1, "twice at once"
        self.runs_with = revision.number
        if self.chance.random() < 0.5:
            self.start(self._beside(), "beside")
        try:
            await some_time(self.chance)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._child(), name="child")
                group.create_task(self._child(), name="child")
        finally:
            try:
                if self.chance.random() < 0.5:
                    await unbroken(some_time(self.chance, 2.0))
            finally:
                self.running -= 1

    async def _beside(self) -> None:
        self.beside += 1
        try:
            while True:
                await some_time(self.chance, 20.0)
                if not self.calm and self.chance.random() < 0.1:
                    raise ZeroDivisionError("a bug")
        finally:
            try:
                await unbroken(some_time(self.chance, 2.0))
            finally:
                self.beside -= 1

    async def _child(self) -> None:
        while True:
            await some_time(self.chance, 20.0)
            if not self.calm and self.chance.random() < 0.1:
                raise ZeroDivisionError("a bug")
            await threaded(self._written)
            assert self.running == 1

    def _written(self) -> None:
        assert self.running == 1, "a thread works on after its service has ended"
        self.disk += 1


def saved(number: int, chance: random.Random) -> Revision:
    more: dict[str, Any] = {
        "email": chance.choice(["a@example.com", "b@example.com"]),
        "username": chance.choice(["u", "v", "w"]),
        "enabled": chance.random() < 0.8,
    }
    return revision_for(settings_for(1, **more), None, number)


@pytest.mark.parametrize("seed", SEEDS)
def test_services_run_once_and_follow(seed: int) -> None:
    """However saves, bugs and slow ends fall together: one run at a time, and the last settings count."""

    async def story(chance: random.Random) -> None:
        services = [Odd("by e-mail", chance), Odd("by user", chance)]
        supervisor = Supervisor(services, lambda: None, LoopClock(), chance.random)
        last = saved(1, chance)
        concerned = {service.by: 1 for service in services}
        supervisor.apply(last)
        for number in range(2, chance.randrange(3, 12)):
            await some_time(chance, chance.choice([0.01, 1.0, 30.0]))
            before, last = last, saved(number, chance)
            for service in services:
                if service.concerns(before) != service.concerns(last):
                    concerned[service.by] = number
            supervisor.apply(last)
        for service in services:
            service.calm = True
        if chance.random() < 0.7:
            await LoopClock().wait(asyncio.Event(), SETTLED)
            for service in services:
                assert service.running == 1
                assert service.runs_with == service.prepared == concerned[service.by]
        ending = [asyncio.create_task(supervisor.stop()) for _ in range(chance.choice([1, 2]))]
        await asyncio.wait(ending)
        supervisor.apply(saved(99, chance))
        await LoopClock().wait(
            asyncio.Event(), 10.0
        )  # one that is slow to end may take longer than it is waited for
        assert [service.running + service.beside for service in services] == [0, 0]

    played(seed, story, bugs=True)
