"""The Status page: what needs attention first and leads there, one line each, and the last 24 hours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from face.conftest import console_of
from face.scripted import NOON, ScriptedAgent, fill, status
from screens.desk.agent import Connection
from screens.desk.ages import clock_time
from tm_tui.api.agent import AgentStatus, LastFailure, LogServerStatus, ServerState
from tm_tui.api.cases import CasesStatus
from tm_tui.api.past import LastDay, Marked
from tm_tui.api.patterns import PatternsStatus
from tm_tui.api.registration_words import short_checklist
from tm_tui.api.reports import ReportsStatus
from tm_tui.api.status_words import Told, overview
from tm_tui.cli.status import _page
from tm_tui.spoken import local_time

MISSED = NOON - timedelta(hours=8)
DAY = LastDay(
    beats=Marked(marks="|" * 95 + "." + "|" * 48, done=287, failed=1, last_failed_at=MISSED),
    deliveries=Marked(marks="-----|" * 24, done=12345),
)
FAILURE = LastFailure(
    code="tls-expired", stage="tls", cause="It expired.", remedy="Have it renewed.", at=NOON, count=3
)


def healthy() -> AgentStatus:
    """A snapshot of an appliance that has worked for a day."""
    return status(
        last_day=DAY,
        cases=CasesStatus(state="idle"),
        patterns=PatternsStatus(state="current", newest_id=7),
        reports=ReportsStatus(enabled=True, kept=1, unread=1),
    )


def refusing() -> AgentStatus:
    """The same with a log server that refuses."""
    shape = healthy()
    worse = {"state": ServerState.FAILING, "last_failure": FAILURE}
    server = LogServerStatus(**(shape.log_server.fields() | worse))
    return AgentStatus(**(shape.fields() | {"log_server": server}))


GOLDEN = f"""\
Status server  CONNECTED  14 ms, clocks agree
  Registered   {clock_time(NOON)}
  Last beat    12 s ago, {clock_time(NOON)}
  Next beat    in 4 min
  Beats        |||||||||||.||||||  24 h, 1 missed, {local_time(MISSED, "%H:%M")}
Log server     CONNECTED
  Last sent    2 min ago, {clock_time(NOON)}
  Next         in 57 min
  Events       {"|" * 18}  24 h, 12,345 sent
  Waiting      3 events, 1.5 KiB, 1 % full, 2 min ago
Cases          none is on its way
Patterns       up to date, newest 7, 0 not deployed yet
Reports        1 report, 1 not read
Appliance      tm01, hosted edition, revision 17
Agent          version 0.1.0, process 4711, up 2 h 5 min"""


def page_of(text: str) -> str:
    """What stands right of the menu."""
    rows = [row.partition("│ ")[2].rstrip() for row in text.splitlines() if "│ " in row]
    return "\n".join(rows).rstrip()


async def test_one_line_each_and_the_last_day(agent: ScriptedAgent) -> None:
    """At 80 columns everything stands whole, the strip as finely as there is room."""
    agent.statuses.put_nowait(healthy())
    async with console_of(agent.connect) as console:
        await console.sees("1 missed")
        await console.pilot.pause()
        assert page_of(console.screen_text()) == GOLDEN


async def test_what_needs_attention_comes_first_and_enter_goes_there(agent: ScriptedAgent) -> None:
    """One Enter into the page, one to where it can be seen to."""
    agent.statuses.put_nowait(refusing())
    async with console_of(agent.connect) as console:
        await console.sees("! log server: tls-expired, 3 times")
        assert page_of(console.screen_text()).startswith(" ! log server: tls-expired, 3 times")
        assert "Enter Open" in console.screen_text()
        await console.press("enter", "enter")
        await console.sees("[ Send now F5 ]")
        agent.statuses.put_nowait(healthy())
        await console.open("Status")
        await console.until(lambda: "tls-expired" not in console.screen_text())


@pytest.mark.parametrize(("size", "rows"), [((120, 40), 8), ((200, 60), 25)])
async def test_a_large_terminal_shows_the_newest_activity(
    agent: ScriptedAgent, size: tuple[int, int], rows: int
) -> None:
    """Where there is room Status says what the agent did of late, the newest first; Activity has it too."""
    fill(agent)
    agent.statuses.put_nowait(healthy())
    async with console_of(agent.connect, size=size) as console:
        await console.sees("Newest activity")
        await console.sees("line 40 of till-0")
        shown = page_of(console.screen_text()).partition("Newest activity")[2].strip().splitlines()
        assert len(shown) >= rows
        assert "line 40" in shown[0]
        assert "--|" * 24 in console.screen_text() or size[0] < 200


async def test_the_strip_stands_still_while_nothing_happens(agent: ScriptedAgent) -> None:
    """A second that passes changes the ages alone."""
    agent.statuses.put_nowait(healthy())
    async with console_of(agent.connect) as console:
        await console.sees("1 missed")
        before = page_of(console.screen_text())
        console.clock.second += 3
        await console.sees("15 s ago")
        after = page_of(console.screen_text())
        both = zip(before.splitlines(), after.splitlines(), strict=True)
        changed = [old for old, new in both if old != new]
        assert [row.split()[:2] for row in changed] == [["Last", "beat"]]


def test_the_command_says_the_same_and_what_can_be_read_out_comes_before_the_strip() -> None:
    """One wording for page, plain lines and `tm-tui status`."""
    said = list(_page(refusing()))
    for line in overview(Told(refusing())):
        if line.words:
            assert any(line.words in row and row.startswith(line.label) for row in said)
    (beats,) = [row for row in said if row.startswith("  Beats")]
    assert beats.index("1 missed") < beats.index("||||")
    assert said[1].split()[:3] == ["!", "log", "server:"]


@pytest.mark.parametrize(("role", "offered"), [("write", True), ("read", False)])
async def test_a_fresh_appliance_says_what_to_have_at_hand(role: str, *, offered: bool) -> None:
    """Who may save is offered the way to the form, with sending switched on; who may only look just reads."""
    agent = ScriptedAgent(role=role)
    shape = healthy()
    never = {"state": ServerState.DISABLED, "registered_at": None, "last_beat_at": None}
    server = type(shape.status_server)(**(shape.status_server.fields() | never))
    agent.statuses.put_nowait(AgentStatus(**(shape.fields() | {"status_server": server})))
    async with console_of(agent.connect) as console:
        await console.sees("Have at hand")
        await console.until(lambda: console.app.main.known)
        await console.pilot.pause()
        assert ("Register this appliance" in console.screen_text()) is offered
        if offered:
            await console.pilot.press("enter", "enter")
            await console.sees("Services > Threat Management Services Portal")


async def test_a_small_terminal_shows_the_whole_checklist() -> None:
    """At 60x18 it is said in fewer words, from the registration to the ports, with the way to begin."""
    agent = ScriptedAgent()
    shape = healthy()
    never = {"state": ServerState.DISABLED, "registered_at": None, "last_beat_at": None}
    server = type(shape.status_server)(**(shape.status_server.fields() | never))
    agent.statuses.put_nowait(AgentStatus(**(shape.fields() | {"status_server": server})))
    async with console_of(agent.connect, size=(60, 18)) as console:
        await console.sees("Register this appliance")
        for line in (*short_checklist(), "F1 tells more."):
            await console.sees(line)


async def test_whose_agent_it_is_stands_on_the_page(agent: ScriptedAgent) -> None:
    """The notice ends after a minute; that beats stop with this console does not."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        yield Connection(agent, private=True)

    async with console_of(connect) as console:
        await console.sees("TMSP  CONNECTED")
        console.clock.second += 120
        await console.until(lambda: "revision 17" in console.screen_text())
        await console.until(lambda: console.screen_text().count("Beats and logs stop with this") == 1)
