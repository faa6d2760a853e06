"""The agent as the console shows it: there, gone, back again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

import screens.plain.console as plain
from face.conftest import HeldClock, console_of
from face.scripted import NOON, ScriptedAgent, document, status
from screens.desk.agent import Connection
from screens.desk.seen import Seen
from screens.pages.reader import Reader
from screens.plain.desk import PlainDesk
from screens.plain.lines import Lines
from screens.shell.panel import StatusPanel
from screens.widgets.block import Block
from tm_tui.api.agent import AgentStatus, LastFailure, Refusal, ServerState
from tm_tui.api.failures import AgentAbsent, ControlRefused
from tm_tui.api.reports import ReportInfo
from tm_tui.status_server.replies import read_registration
from tm_tui.status_server.server_state import Standing


async def test_ages_go_on_counting(agent: ScriptedAgent) -> None:
    """The panel's ages are as of now, not as of the last message."""
    async with console_of(agent.connect) as console:
        await console.sees("beat 12 s ago 14 ms, next in 4 min")
        console.clock.second += 30
        await console.sees("beat 42 s ago")
        console.clock.second += 250
        await console.sees("next in 8 s")


async def test_ages_count_under_a_question(agent: ScriptedAgent) -> None:
    """The status panel stays in sight and live while a question is open."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.press("escape")
        await console.dialog("Discard")
        panel = console.app.main.query_one(StatusPanel)
        console.clock.second += 30
        await console.until(lambda: "beat 42 s ago" in panel.shown.plain)
        assert panel.region.y == 21


async def test_an_unchanged_panel_is_not_repainted(agent: ScriptedAgent) -> None:
    """Half a second that changes no shown value costs the line nothing."""
    panel = StatusPanel()
    seen = Seen().with_status(status(), 100.0)
    panel.tell(seen, 100.0)
    before = panel.shown
    panel.tell(seen, 100.4)
    assert panel.shown is before


async def test_the_agent_gone_and_back_loses_nothing(agent: ScriptedAgent) -> None:
    """A clear notice, old values marked old, typed values kept, and all well again by itself."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        agent.alive = False
        agent.statuses.put_nowait(None)
        await console.sees("AGENT NOT RUNNING")
        console.clock.second += 90
        await console.sees("for 1 min")
        await console.sees("OLD: was connected, last beat 1 min ago")
        await console.type("y")
        await console.press("f3")
        await console.sees("Test broken off")
        await console.sees("No agent answers.")
        agent.alive = True
        agent.statuses.put_nowait(status())
        await console.sees("TMSP  CONNECTED")
        assert console.field("tmsp.username").value == "tm01-registerxy"
        await console.press("f3")
        await console.sees("Test passed")


async def test_old_values_are_marked_on_the_status_page(agent: ScriptedAgent) -> None:
    """The Status page says how old its values are when nobody renews them."""
    async with console_of(agent.connect) as console:
        await console.sees("Status server  CONNECTED")
        agent.alive = False
        agent.statuses.put_nowait(None)
        await console.sees("OLD: the agent does not answer")
        await console.sees("Next beat    unknown")
        await console.sees("Status server  was CONNECTED")


async def test_an_agent_that_hangs_is_not_shown_as_connected(agent: ScriptedAgent) -> None:
    """A stopped process closes nothing and tells nothing: the console counts the age of its beat itself."""
    healthy = status()
    beats = {**healthy.status_server.fields(), "next_beat_in_seconds": 5.0, "last_beat_age_seconds": 0.1}
    often = type(healthy)(**{**healthy.fields(), "status_server": beats})
    agent.statuses = asyncio.Queue()
    agent.statuses.put_nowait(often)
    async with console_of(agent.connect) as console:
        await console.sees("Status server  CONNECTED")
        console.clock.second += 9  # a beat under way
        await console.sees("TMSP  CONNECTED  beat 9 s ago 14 ms, next in 0 s")
        console.clock.second += 8
        await console.sees("TMSP  OVERDUE    beat 17 s ago 14 ms, next was due 12 s ago")
        await console.sees("OVERDUE: a beat was due 12 s ago; no word for 17 s.")
        await console.sees("Status server  was CONNECTED")
        await console.sees("Next beat    overdue")
        shown = [block.shown.spans for block in console.app.main.query(Block)]
        assert not [span for spans in shown for span in spans if "green" in str(span.style)]
        agent.statuses.put_nowait(often)
        await console.sees("TMSP  CONNECTED  beat 0 s ago")
        await console.sees("Status server  CONNECTED")


@pytest.mark.parametrize(("trip", "late"), [(14.2, 6.0), (8000.0, 17.0)])
def test_a_beat_over_a_slow_way_is_not_overdue(trip: float, late: float) -> None:
    """A beat may take twice what the last one took; nothing is overdue where none is due."""
    healthy = status()
    beats = {**healthy.status_server.fields(), "next_beat_in_seconds": 5.0, "round_trip_ms": trip}
    seen = Seen().with_status(type(healthy)(**{**healthy.fields(), "status_server": beats}), 100.0)
    assert seen.overdue(100.0 + 5 + late - 1.5) is None
    assert seen.overdue(100.0 + 5 + late) == late
    assert seen.lost("GONE", "", "", 101.0).overdue(500.0) is None
    assert Seen().with_status(status(ServerState.DISABLED), 100.0).overdue(1e9) is None


async def test_no_agent_at_the_start(agent: ScriptedAgent) -> None:
    """Without any agent the console says so, and finds one that starts later."""
    agent.alive = False
    async with console_of(agent.connect) as console:
        await console.sees("AGENT NOT RUNNING")
        await console.sees("No agent answers.")
        agent.alive = True
        await console.sees("TMSP  CONNECTED")


async def test_an_agent_that_refuses_for_now_is_not_called_absent(agent: ScriptedAgent) -> None:
    """With one connection too many the console says that and what to do, and goes on by itself."""
    cause, remedy = "Your user has as many connections as it may.", "Close consoles."
    refusal = Refusal(code="too-many-connections", cause=cause, remedy=remedy)
    agent.refusal = ControlRefused(503, refusal)
    async with console_of(agent.connect) as console:
        await console.sees("THE AGENT REFUSES")
        await console.sees(cause)
        await console.sees(remedy)
        agent.refusal = None
        await console.sees("TMSP  CONNECTED")


async def test_somebody_elses_save_is_shown_on_an_unchanged_form(agent: ScriptedAgent) -> None:
    """A save by the CLI or another console appears by itself, and says whose it is."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        agent.document = document(18, username="other")
        agent.statuses.put_nowait(status(revision=18))
        await console.sees("saved revision 18; it is shown now")
        assert console.field("tmsp.username").value == "other"


async def test_somebody_elses_save_leaves_a_changed_form(agent: ScriptedAgent) -> None:
    """A changed form keeps its values and the revision it started from."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        agent.document = document(18, username="other")
        agent.statuses.put_nowait(status(revision=18))
        await console.sees("saved revision 18 meanwhile")
        assert console.field("tmsp.username").value == "tm01-registerx"
        assert console.app.main.draft is not None
        assert console.app.main.draft.base.revision == 17


def panel_text(seen: Seen, now: float) -> str:
    """What the panel would say."""
    panel = StatusPanel()
    panel.tell(seen, now)
    return panel.shown.plain


def test_no_words_flash_by_while_the_agent_answers() -> None:
    """The panel says that it looks for the agent once that takes longer than it usually does."""
    panel = StatusPanel()
    said = []
    for now in (7.0, 7.3, 8.0):
        panel.tell(Seen(), now)
        said.append(panel.shown.plain.strip())
    assert said == ["", "", "LOOKING FOR THE AGENT"]


def test_a_failing_server_is_told_by_its_code() -> None:
    """The panel names the failure's code and how often it came, in words."""
    failure = LastFailure(
        code="tls-expired", stage="tls", cause="Expired.", remedy="Renew.", at=NOON, count=3
    )
    failing = status(ServerState.FAILING)
    server = failing.status_server.fields() | {"last_failure": failure}
    seen = Seen().with_status(type(failing)(**(failing.fields() | {"status_server": server})), 0.0)
    assert "FAILING    tls-expired 3 times" in panel_text(seen, 0.0)


def test_disabled_says_what_it_means() -> None:
    """A disabled registration is not a quiet line: it says that nothing is sent."""
    assert "nothing is sent or fetched" in panel_text(
        Seen().with_status(status(ServerState.DISABLED), 0.0), 0.0
    )


def test_the_clock_of_the_test_is_held() -> None:
    """Tests that pin the time really do."""
    clock = HeldClock()
    assert clock.monotonic() == clock.monotonic()


@pytest.mark.parametrize(
    ("date", "shown"),
    [("0001-01-01T00:00:00+23:59", "before 1970"), ("9999-12-31T23:59:59-23:59", "after 2199")],
)
async def test_a_portal_without_a_date_ends_no_console(date: str, shown: str) -> None:
    """What a portal's database has for "no date" ended every console at its start, again and again."""
    told = {"appliance": "tm-lab-1", "registered_at": date, "server_time": date}
    registered = read_registration(json.dumps(told).encode())
    assert registered is not None
    assert registered.registered_at is not None
    standing = Standing(enabled=True, interval=300.0)
    standing.registered(registered.registered_at, registered.pattern_root)
    held = ScriptedAgent()
    healthy = status().fields()
    held.statuses.put_nowait(AgentStatus(**{**healthy, "status_server": standing.show(0.0)}))
    held.kept_reports[1] = (msgspec.convert({**REPORT, "made_at": date}, ReportInfo), "# Text")
    async with console_of(held.connect) as console:
        await console.sees(f"Registered   {shown}")
        await console.open("Reports")
        await console.sees(f"{shown:<11}  daily")
        await console.press("enter")
        await console.until(lambda: isinstance(console.app.screen, Reader))
        assert console.app.crash is None


REPORT = {
    "number": 1,
    "id": "a",
    "kind": "daily",
    "title": "A day",
    "fetched_at": NOON,
    "bytes": 6,
    "read": True,
}


async def test_in_plain_lines_an_agent_that_hangs_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is left before a line that does not move without a word why."""
    monkeypatch.setattr(plain, "_PATIENCE", 0.01)
    told = asyncio.Event()

    class Told(PlainDesk):
        def tell(self, words: str, *, wrong: bool = False) -> None:
            super().tell(words, wrong=wrong)
            told.set()

    class Hangs(ScriptedAgent):
        async def session(self) -> Any:
            await told.wait()
            raise AgentAbsent("No agent answers.")

    await plain._refresh(Told(Lines(0), HeldClock()), Hangs())
    assert "The agent has not answered for 5 s" in capsys.readouterr().out


async def test_leaving_a_console_whose_agent_is_its_own_asks(agent: ScriptedAgent) -> None:
    """Beats would stop: it is said from the start, F10 asks, and a line after the end says so."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        yield Connection(agent, private=True)

    async with console_of(connect) as console:
        await console.sees("Beats and logs stop with this console.")
        await console.press("f10")
        await console.dialog("End the agent too?")
        await console.press("enter")
        await console.until(lambda: console.app.screen is console.app.main)
        await console.press("f10")
        await console.dialog("End the agent too?")
        await console.press("right", "enter")
        await console.until(lambda: console.app.return_value == 0)


async def test_a_private_agent_counts_from_its_first_word(agent: ScriptedAgent) -> None:
    """It may send by settings that were not seen here yet: F10 asks from the first snapshot that says so."""
    agent.document = document(enabled=False)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        yield Connection(agent, private=True)

    async with console_of(connect) as console:
        await console.sees("TMSP  CONNECTED")
        await console.press("f10")
        await console.dialog("End the agent too?")


async def test_a_private_agent_that_is_gone_ends_no_more(agent: ScriptedAgent) -> None:
    """Whatever ended it, nobody is asked whether it may end, and the header does not name it."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        agent._alive()
        yield Connection(agent, private=True)

    async with console_of(connect) as console:
        await console.sees("private agent")
        agent.alive = False
        agent.statuses.put_nowait(None)
        await console.sees("AGENT NOT RUNNING")
        assert "private agent" not in console.rows()[0]
        await console.press("f10")
        await console.until(lambda: console.app.return_value == 0)
