"""Files that a journey enters, and crossings from file to file: `python -m benchmarks.journeys [--pairs]`.

Agent, portal and console run in this process, and Python's profiler says of each function of the product that
begins or goes on who called it. A crossing is a step from one file of the product straight into another. The
portal and the client's side of the control socket are not counted. The first of each kind fills caches; of
the three that follow the shortest is printed, as a beat or a look at the disk may come between.
"""

import asyncio
import io
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from pydantic import SecretStr

from agents import agent_in, short_home
from face.conftest import console_of
from face.scripted import ScriptedAgent, status
from spooling.events import numbered_line
from tm_tui.agent.agent import Agent
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.clock import SystemClock
from tm_tui.portal import notices
from tm_tui.portal.database import opened
from tm_tui.portal.home import PortalHome
from tm_tui.portal.log import PortalLog
from tm_tui.portal.pattern_repository import PatternRepository
from tm_tui.portal.service import PortalOptions, Ready, open_portal
from tm_tui.portal.settings import PortalSettings, database_at
from tm_tui.status_server.protocol import Notice

ROOT = Path(__file__).parent.parent
_CLIENT = ("asking", "client", "exchange", "session_calls", "tmsp_calls", "transport")
_API = tuple(str(ROOT / "tm_tui" / "api" / f"{name}.py") for name in _CLIENT)
_OTHERS = (str(ROOT / "tm_tui" / "portal"), *_API)
_OURS = (str(ROOT / "tm_tui"), str(ROOT / "screens"))
_BEAT = 5
_TIMES = 3
_MOST_PAIRS = 60


class Journey:
    """What was entered while it is counted. Of the profiler's events only beginnings say something."""

    def __init__(self) -> None:
        self.counting = False
        self.files: set[str] = set()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self._counted: list[tuple[set[str], Counter[tuple[str, str]]]] = []

    def begin(self) -> None:
        """Count from zero."""
        self.files, self.pairs, self.counting = set(), Counter(), True

    def end(self) -> None:
        """Count no more."""
        self.counting = False
        self._counted.append((self.files, self.pairs))

    def told(self, name: str, times: int = 1) -> None:
        """Print the shortest of what was counted, with the pairs of files if asked for, and begin anew."""
        files, pairs = min(self._counted, key=lambda one: one[1].total())
        self._counted = []
        print(f"{name:10} {len(files):4} files {pairs.total() / times:6.0f} crossings", flush=True)
        if "--pairs" in sys.argv:
            for pair, count in pairs.most_common(_MOST_PAIRS):
                print(f"    {count:5}  {' -> '.join(str(Path(one).relative_to(ROOT)) for one in pair)}")

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Take one event, of any thread."""
        if not self.counting or event != "call" or not ours(here := frame.f_code.co_filename):
            return
        self.files.add(here)
        caller = frame.f_back
        if caller is not None and caller.f_code.co_filename != here and ours(caller.f_code.co_filename):
            self.pairs[caller.f_code.co_filename, here] += 1

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count from zero until the end of the block."""
        self.begin()
        try:
            yield
        finally:
            self.end()


def ours(file: str) -> bool:
    """Whether a file is one of the product that counts."""
    return file.startswith(_OURS) and not file.startswith(_OTHERS)


async def shortest(journey: Journey, name: str, act: Callable[[int], Awaitable[object]]) -> None:
    """Do it some times, and print what the shortest one entered."""
    await act(1)
    for number in range(2, 2 + _TIMES):
        with journey.counted():
            await act(number)
    journey.told(name)


def request(portal: Ready, number: int) -> SaveRequest:
    """Settings that lead to the portal, others each time."""
    tmsp = {
        "enabled": True,
        "heartbeat_seconds": _BEAT,
        "edition": "on-premise",
        "username": portal.username,
        "email": f"admin{number}@example.com",
        "log_server": {"host": "127.0.0.1", "protocol": "ssl", "port": portal.log_server.https_port},
        "status_server": {"host": "127.0.0.1", "port": portal.status_server.port},
    }
    password = Path(portal.password_file or "").read_text(encoding="utf-8").strip()
    settings = {"schema": 1, "tmsp": tmsp, "trust": {"ca_file": str(portal.ca_file)}}
    return SaveRequest(settings=settings, secrets=SecretChanges(tmsp=SecretStr(password)))


def issue(home: Path, number: int) -> None:
    """Issue a pattern at the portal and announce it, as `tm-tui portal pattern issue` does."""
    content, now = home / "content", SystemClock().now()
    content.write_bytes(b"pattern" * 1000)
    repository = PatternRepository(PortalHome(home))
    about = {"kind": "bandage", "version": "1.0", "description": f"number {number}"}
    issued = repository.issue(content, **about, appliance=None, now=now)
    with opened(database_at(PortalSettings().database, home)) as connection:
        notices.announce(connection, Notice(kind="pattern", id=str(issued.id), title="x"), None, now)


async def a_notice(journey: Journey, agent: Agent, folder: Path) -> None:
    """Count from the moment at which a beat's reply tells of a pattern, until the pattern is here."""
    patterns = agent.patterns
    noticed = patterns.noticed

    def noticing(new: tuple[Notice, ...]) -> None:
        journey.begin()
        noticed(new)

    patterns.noticed = noticing  # type: ignore[method-assign]  # the beat goes before it, and is counted by itself
    for number in range(1, 2 + _TIMES):
        await asyncio.to_thread(issue, folder / "portal", number)
        while number not in patterns.fetching.store.patterns or patterns.fetching.state != "current":
            await agent.changed.event.wait()
        if number > 1:
            journey.end()
    journey.told("a notice")


async def of_the_agent(journey: Journey, folder: Path) -> None:
    """An event, a save, a notice, a beat."""
    log = PortalLog(io.StringIO(), SystemClock())
    options = PortalOptions(home=folder / "portal")
    with short_home() as home:
        async with (
            open_portal(options, log) as (portal, _),
            agent_in(home) as agent,
            ControlClient(home.control_socket) as client,
        ):
            await shortest(
                journey, "an event", lambda number: client.add_events(numbered_line(number) + b"\n")
            )

            async def save(number: int) -> None:
                await client.save(request(portal, number), number - 1)

            await shortest(journey, "a save", save)
            while agent.status().status_server.beats_accepted < 2:
                await agent.changed.event.wait()
            before = agent.status().status_server.beats_accepted
            with journey.counted():
                await asyncio.sleep(2 * _BEAT)
            beats = agent.status().status_server.beats_accepted - before
            journey.told("a beat", beats)
            await a_notice(journey, agent, folder)


async def of_the_console(journey: Journey) -> None:
    """A key on the menu, until what it does is on the screen."""
    scripted = ScriptedAgent()
    scripted.statuses.put_nowait(status())
    async with console_of(scripted.connect) as console:
        await shortest(journey, "a key", lambda _: console.press("down"))


def main() -> None:
    """Measure and print."""
    journey = Journey()
    threading.setprofile(journey)
    sys.setprofile(journey)
    with tempfile.TemporaryDirectory(prefix="tm-journeys-") as folder:
        asyncio.run(of_the_agent(journey, Path(folder)))
    asyncio.run(of_the_console(journey))


if __name__ == "__main__":
    main()
