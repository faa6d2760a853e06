"""Ten million events waiting: `python -m benchmarks.waiting`.

A log queue is filled as the agent fills it, with the limit raised by the settings. Then the real agent starts
on it, once after a clean end and once after kill -9, with a portal as its status server. Told: memory, the
time from the start of the process to its first accepted beat, and how fast more events are taken, against an
empty queue.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.peers import memory, mixed_lines, row, scratch
from tm_tui.agent.folders import prepare_folders
from tm_tui.agent.identity import appliance_name
from tm_tui.api.client import ControlClient
from tm_tui.api.launch import AgentProcess
from tm_tui.api.requests import SecretChanges
from tm_tui.demo.stage import PortalProcess, Stage
from tm_tui.paths import Home
from tm_tui.settings.model import SpoolSettings
from tm_tui.spool.disk import quota_of
from tm_tui.spool.store import Spool

PIECE = 1000


@asynccontextmanager
async def agent_on(folder: Path, portal: PortalProcess) -> AsyncIterator[tuple[Stage, float]]:
    """The real agent, and the wall time at which its process was started."""
    environ = {**os.environ, "TM_TUI_HOME": str(folder / "h")}
    began = time.time()
    client = ControlClient(Home.under(folder / "h").control_socket)
    async with AgentProcess(folder / "agent.log", environ) as agent, client:
        yield Stage(folder, portal, agent, client), began


async def fill(home: Home, events: int, limits: SpoolSettings) -> tuple[float, float, int]:
    """Fill the queue; events a second (the best of three) when empty and when full, and bytes that wait."""
    quota = quota_of(limits.max_mib, limits.max_days)
    lines = mixed_lines(5000)
    probe = min(200_000, events // 10)

    async def take(spool: Spool, number: int) -> float:
        began, places = time.perf_counter(), iter(range(0, number, PIECE))

        async def call() -> None:
            for place in places:
                taken = await spool.add([lines[(place + one) % len(lines)] for one in range(PIECE)])
                assert taken.accepted == PIECE, taken

        await asyncio.gather(*(call() for _ in range(4)))
        return number / (time.perf_counter() - began)

    async with await Spool.open(home.state / "spool", appliance_name(home.state), quota=quota) as spool:
        empty = max([await take(spool, probe) for _ in range(3)])
        await take(spool, events - 6 * probe)
        full = max([await take(spool, probe) for _ in range(3)])
        return empty, full, spool.status().bytes


async def first_beat(stage: Stage, began: float) -> float:
    """Seconds from the start of the process to its first accepted beat, not one from before it."""
    async for status in stage.client.status_stream():
        at = status.status_server.last_beat_at
        if at and at.timestamp() > began:
            return at.timestamp() - began
    raise AssertionError("the stream ended")


async def caught_up(stage: Stage, home: Home) -> float:
    """Seconds until the agent's list of endpoints has read all that waits, as a running agent has."""
    began, unread = time.monotonic(), home.state / "endpoints" / "unread"
    async for _ in stage.client.status_stream():
        if not any(unread.iterdir()):
            break
    return time.monotonic() - began


async def intake(stage: Stage, events: int) -> float:
    """Events a second over the control socket, one caller, the best of three."""
    body = b"".join(line + b"\n" for line in mixed_lines(PIECE))
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(events // PIECE):
            assert (await stage.client.add_events(body)).accepted == PIECE
        best = max(best, events / (time.perf_counter() - began))
    return best


async def measure(folder: Path, events: int) -> tuple[str, ...]:
    """Fill, start, kill, start again."""
    home = Home.under(folder / "h")
    (folder / "h").mkdir(mode=0o700)
    prepare_folders(home)
    limits = SpoolSettings(max_mib=4096, max_days=14)
    portal = PortalProcess(folder / "portal")
    await portal.start()
    try:
        async with agent_on(folder, portal) as (stage, began):
            settings = stage.settings("ssl", enabled=True)
            settings["tmsp"]["log_server"]["interval"] = "24h"
            settings["spool"] = limits.model_dump()
            await stage.save(settings, SecretChanges(tmsp=stage.password), "benchmark")
            await first_beat(stage, began)
            start = memory(stage.agent.pid)
            empty_rate = await intake(stage, 20_000)
        empty, full, size = await fill(home, events, limits)
        told = {"events": events, "mib_on_disk": size >> 20, "agent_mb_with_an_empty_queue": start}
        told |= {"enqueue_a_second_empty": round(empty), "enqueue_a_second_full": round(full)}
        async with agent_on(folder, portal) as (stage, began):
            told["first_beat_s"] = round(await first_beat(stage, began), 2)
            assert (await stage.client.spool()).events >= events
            told["agent_mb"] = memory(stage.agent.pid)
            told["caught_up_s"] = round(await caught_up(stage, home), 1)
            told["agent_mb_caught_up"] = memory(stage.agent.pid)
            told["socket_full_to_empty"] = round(await intake(stage, 20_000) / empty_rate, 2)
            told["agent_mb_after_more"] = memory(stage.agent.pid)
            await stage.agent.kill()
        async with agent_on(folder, portal) as (stage, began):
            told["first_beat_after_kill_s"] = round(await first_beat(stage, began), 2)
            told["agent_peak_mb"] = memory(stage.agent.pid, "VmHWM")
    finally:
        await portal.stop()
    print(json.dumps(told))
    return (
        f"{events:,} events wait",
        f"{told['mib_on_disk']} MiB on disk; agent {told['agent_mb']} MB (empty queue {start} MB)",
        f"first beat after {told['first_beat_s']} s, {told['first_beat_after_kill_s']} s after kill -9",
        f"enqueue {full / empty:.2f}x of an empty queue",
    )


def main() -> None:
    """Measure and print one line of JSON, then a row for docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=10_000_000)
    given = options.parse_args()
    with scratch() as folder:
        row(*asyncio.run(measure(folder, given.events)))


if __name__ == "__main__":
    main()
