"""The real console with an agent that does what it is ordered to, for the wire's tests and benchmarks.

argv: "ours" or "stock" (which driver). Orders are lines from the descriptor in SAMPLE_ORDERS:
"second", "beat AGE", "status NUMBER", "log TEXT", "step" (of a test), "test TEXT" (a step of a test without
end), "gone", "back". BENCH_REST: seconds that the mark rests before its page is shown.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta

from textual.drivers.linux_driver import LinuxDriver

from screens.launch.skeleton import painted
from screens.shell.app import TmTui
from screens.terminal import TerminalOptions
from screens.terminal.driver import SlowLineDriver
from screens.widgets import rest as resting
from tests.face.scripted import NOON, STAGES, ScriptedAgent, refused_password, status
from tm_tui.api.agent import ActivityLine, AgentStatus, ProbeReport, StepEvent
from tm_tui.api.requests import ProbeRequest
from tm_tui.clock import SystemClock


class HeldClock(SystemClock):
    """A clock that goes on when it is told to."""

    second = 1000.0

    def monotonic(self) -> float:
        return self.second

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        return await super().wait(event, min(seconds, 0.02))


def beaten(age: float, due: float = 288.0, waiting: int = 3) -> AgentStatus:
    """A snapshot whose last beat is so many seconds old."""
    shape = status()
    beats = shape.status_server.fields() | {"last_beat_age_seconds": age, "next_beat_in_seconds": due}
    spool = shape.spool.fields() | {"events": waiting}
    return AgentStatus(**(shape.fields() | {"status_server": beats, "spool": spool}))


class OrderedAgent(ScriptedAgent):
    """A connected agent; its test takes a step when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = HeldClock()
        self.lines = 0
        self.steps = asyncio.Semaphore(0)
        self.more: list[StepEvent] = []
        self.statuses.put_nowait(beaten(12))

    async def probe(self, request: ProbeRequest) -> AsyncGenerator[StepEvent | ProbeReport, None]:
        self._alive()
        for event in refused_password():
            if not isinstance(event, StepEvent) or event.outcome != "skipped":
                await self.steps.acquire()
            while self.more:
                yield self.more.pop(0)
                await self.steps.acquire()
            yield event

    def order(self, verb: str, rest: str) -> None:
        """Do this now."""
        if verb == "second":
            self.clock.second += 1
        elif verb == "beat":
            self.statuses.put_nowait(beaten(int(rest)))
        elif verb == "status":
            self.statuses.put_nowait(beaten(10 + int(rest), 59 - int(rest), int(rest)))
        elif verb == "log":
            self.lines += 1
            at = NOON + timedelta(seconds=self.lines)
            self.activity.put_nowait(ActivityLine(at=at, level="info", text=rest))
        elif verb == "step":
            self.steps.release()
        elif verb == "test":
            self.lines += 1
            name = f"{('log_server', 'status_server')[self.lines % 2]}.{STAGES[self.lines % len(STAGES)]}"
            self.more.append(StepEvent(step=name, outcome="passed", seconds=0.014, detail=rest))
            self.steps.release()
        elif verb == "gone":
            self.alive = False
            self.statuses.put_nowait(None)
            self.activity.put_nowait(None)
        elif verb == "back":
            self.alive = True
            self.statuses.put_nowait(beaten(1))
        else:
            raise AssertionError(verb)


def listen(agent: OrderedAgent, fd: int) -> None:
    """Take orders from a pipe on the running loop."""
    kept = b""

    def read() -> None:
        nonlocal kept
        data = os.read(fd, 65536)
        if not data:
            asyncio.get_running_loop().remove_reader(fd)
        *lines, kept = (kept + data).split(b"\n")
        for line in lines:
            agent.order(*line.decode().partition(" ")[::2])

    asyncio.get_running_loop().add_reader(fd, read)


async def serve(kind: str, driver: type[SlowLineDriver] = SlowLineDriver) -> int:
    """Run the console until it is left."""
    if rest := os.environ.get("BENCH_REST"):
        resting.SECONDS = float(rest)
    agent = OrderedAgent()
    ours = kind == "ours"
    chosen = driver if ours else LinuxDriver
    app = TmTui(agent.connect, clock=agent.clock, tty="ttyS0", driver_class=chosen, draws_cursor=not ours)
    orders = os.environ.get("SAMPLE_ORDERS")
    if orders:
        listen(agent, int(orders))
    return await app.run_async(mouse=False) or app.return_code or 0


def main(driver: type[SlowLineDriver] = SlowLineDriver) -> int:
    """As `screens.__main__` does: the skeleton first, where the driver is ours."""
    if sys.argv[1] != "ours":
        return asyncio.run(serve("stock"))
    with painted(TerminalOptions(smallest=(60, 18))):
        return asyncio.run(serve("ours", driver))


if __name__ == "__main__":
    sys.exit(main())
