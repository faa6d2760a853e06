"""A console on a real agent, both on one clock: who is away is logged out, whatever the wall clock says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agents import agent_in
from day.turning import DayClock, zone
from face.conftest import Console, HeldClock, console_of
from screens.desk.agent import Connection
from tm_tui.api.client import ControlClient
from tm_tui.paths import Home

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


class Machine(HeldClock):
    """The console's side of the machine's clocks."""

    def __init__(self, clock: DayClock) -> None:
        super().__init__()
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.boot

    def now(self):
        return self._clock.wall


@asynccontextmanager
async def console_on(home: Home, clock: DayClock) -> AsyncIterator[Console]:
    """A console on the home's agent."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        async with ControlClient(home.control_socket) as client:
            yield Connection(client)

    async with console_of(connect, clock=Machine(clock)) as console:
        await console.sees("TMSP  DISABLED")
        yield console


async def test_steps_and_zones_log_nobody_out_and_sleep_does(folder: Path) -> None:
    """The minutes without a key are those of a clock that nobody sets; what was typed outlasts the day."""
    clock, home = DayClock(), Home.under(folder)
    async with agent_in(home, clock):
        async with console_on(home, clock) as console:
            await console.open("TMSP")
            await console.go("tmsp.username")
            await console.type("x")
            for seconds in (HOUR, -HOUR, DAY, -DAY):
                clock.step(seconds)
                with zone("Asia/Tokyo" if seconds > 0 else "America/New_York"):
                    await console.pilot.pause(1.1)  # the console looks once a second
                    assert not console.app._exit
                    assert "Logging out" not in console.screen_text()
            clock.step(-DAY)
            clock.move(14 * MINUTE + 1)
            await console.sees("Logging out in 60 s")
            clock.suspend(8 * HOUR)
            await console.until(lambda: console.app._exit)
            assert "kept for your next logon" in str(console.app._exit_renderables[0])
        clock.suspend(DAY)
        clock.step(-DAY)
        async with console_on(home, clock) as console:
            await console.dialog("You have unsaved changes")
