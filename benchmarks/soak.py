"""Events at full rate, end to end, for long: `python -m benchmarks.soak --events 10000000` or `--minutes 30`.

The real agent takes events over its control socket from four callers and delivers them to our portal, without
pause. Its memory and its open files are sampled all the while. The portal's files are counted and thrown away
as they come, so that the run needs no disk. Flat means: the last quarter's greatest memory is at most a tenth
above the second quarter's, and no more files are open.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path

import zstandard

from benchmarks.peers import memory, mixed_lines, open_files, row, scratch
from benchmarks.waiting import agent_on, first_beat
from tm_tui.api.client import ControlRefused
from tm_tui.api.requests import SecretChanges
from tm_tui.demo.stage import PortalProcess, Stage

CALLERS, PIECE = 4, 1000
SAMPLE_SECONDS = 1.0


class Soak:
    """One run: producers, a sender, a sweeper of the portal's files, a sampler."""

    def __init__(self, stage: Stage, events: int, seconds: float) -> None:
        self.stage, self.events, self.seconds = stage, events, seconds
        self.accepted = self.arrived = 0
        self.samples: list[tuple[float, int]] = []
        self.began = time.monotonic()
        self._left = self.events

    def more(self) -> int:
        """How many events the next call brings; 0: enough."""
        if self.seconds and time.monotonic() - self.began > self.seconds:
            return 0
        size = PIECE if self.seconds else min(PIECE, self._left)
        self._left -= size
        return size

    async def produce(self, lines: list[bytes]) -> None:
        """Call after call; a full queue is waited for."""
        while size := self.more():
            body = b"".join(line + b"\n" for line in lines[:size])
            while body:
                try:
                    reply = await self.stage.client.add_events(body)
                except ControlRefused as refused:
                    if refused.refusal.code != "spool-full":
                        raise
                    await asyncio.sleep(0.05)
                else:
                    self.accepted += reply.accepted
                    body = b"".join(line + b"\n" for line in lines[size - len(reply.rejected) : size])

    async def send(self) -> None:
        """Send now, again and again."""
        while True:
            reply = await self.stage.client.send_logs()
            while not reply.done:
                reply = await self.stage.client.sent(reply.number)
            assert reply.failure is None, reply.failure

    async def sweep(self) -> None:
        """Count what arrived, and make room."""
        while True:
            self.arrived += await asyncio.to_thread(_count_and_remove, self.stage.portal.logs)
            await asyncio.sleep(0.2)

    async def sample(self) -> None:
        """Look at the agent."""
        while True:
            self.samples.append((memory(self.stage.agent.pid), open_files(self.stage.agent.pid)))
            await asyncio.sleep(SAMPLE_SECONDS)


def _count_and_remove(logs: Path) -> int:
    found = 0
    for path in logs.glob("*/*.ndjson.zst"):
        found += zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().count(b"\n")
        path.unlink()
    return found


async def soak(folder: Path, events: int, seconds: float) -> None:
    """Set up, run, tell."""
    (folder / "h").mkdir(mode=0o700)
    portal = PortalProcess(folder / "portal")
    await portal.start()
    try:
        async with agent_on(folder, portal) as (stage, began):
            settings = stage.settings("ssl", enabled=True)
            settings["tmsp"]["log_server"]["interval"] = "24h"
            await stage.save(settings, SecretChanges(tmsp=stage.password), "benchmark")
            await first_beat(stage, began)
            run = Soak(stage, events, seconds)
            lines = mixed_lines(PIECE)
            others = [asyncio.create_task(work()) for work in (run.send, run.sweep, run.sample)]
            await asyncio.gather(*(run.produce(lines) for _ in range(CALLERS)))
            async for status in stage.client.status_stream():
                if not status.spool.events:
                    break
            took = time.monotonic() - run.began
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            run.arrived += _count_and_remove(portal.logs)
    finally:
        await portal.stop()
    assert run.arrived == run.accepted, f"{run.accepted} were accepted, {run.arrived} arrived"
    tell(run, took, status.status_server.beats_missed)


def tell(run: Soak, took: float, missed: int) -> None:
    """Print the figures and whether they are flat."""
    quarter = max(1, len(run.samples) // 4)
    second, last = run.samples[quarter : 2 * quarter] or run.samples, run.samples[-quarter:]
    before, after = max(mb for mb, _ in second), max(mb for mb, _ in last)
    files = max(number for _, number in second), max(number for _, number in last)
    flat = after <= before * 1.1 and files[1] <= files[0]
    figure = {"events": run.arrived, "seconds": round(took), "events_a_second": round(run.arrived / took)}
    figure |= {"mb_second_quarter": before, "mb_last_quarter": after, "open_files": files}
    print(json.dumps(figure | {"beats_missed": missed, "flat": flat}))
    row(
        f"{run.arrived:,} events in {took / 60:.1f} min",
        f"{run.arrived / took:,.0f} events/s",
        f"{before} -> {after} MB",
        f"{files[0]} -> {files[1]} open files",
        "flat" if flat else "NOT FLAT",
    )


def main() -> None:
    """Run and tell."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=10_000_000)
    options.add_argument("--minutes", type=float, default=0.0, help="at full rate for so long instead")
    given = options.parse_args()
    with scratch() as folder:
        asyncio.run(soak(folder, given.events, given.minutes * 60))


if __name__ == "__main__":
    main()
