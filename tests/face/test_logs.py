"""Logs in the console: what waits, Send now, and what the agent did of late."""

from datetime import timedelta
from typing import Any

import pytest

from face.conftest import Console, console_of
from face.scripted import NOON, ScriptedAgent, status
from screens.desk.menu import entries
from screens.pages.activity import ActivityPage
from screens.widgets.tail import Tail
from tm_tui.api.agent import ActivityLine, AgentStatus, LastFailure, ServerState
from tm_tui.api.failures import ControlRefused, Refusal
from tm_tui.api.spool import ProgressInfo, SendReply

REFUSED = LastFailure(
    code="http-auth-refused",
    stage="authentication",
    cause="The server did not accept the user name and password.",
    remedy="Type the password again.",
    at=NOON,
)


def line(number: int, level: Any = "info") -> ActivityLine:
    """The n-th line, a second after the one before."""
    return ActivityLine(at=NOON + timedelta(seconds=number), level=level, text=f"This is line {number}.")


def changed(state: ServerState = ServerState.CONNECTED, **log_server: Any) -> AgentStatus:
    """A snapshot whose log server stands otherwise."""
    shown = status()
    server = shown.log_server.fields() | {"state": state, **log_server}
    return type(shown)(**(shown.fields() | {"log_server": server}))


async def test_the_queue_is_told_as_soon_as_it_is_highlighted(agent: ScriptedAgent) -> None:
    """What waits, by kind, how old it is, the room it takes, and when it goes, without opening anything."""
    async with console_of(agent.connect) as console:
        await console.sees("TMSP  CONNECTED")
        names = [entry.name for entry in entries()]
        await console.press(*["down"] * names.index("Log Queue"))
        await console.sees("Waiting        3 events")
        shown = console.screen_text()
        assert "2, 1 sealed batch" in shown
        assert "Root causes" in shown
        assert "2 min ago" in shown
        assert "1.5 KiB of 1.0 GiB, 1 % full" in shown
        assert "in 57 min" in shown
        assert "F5 Send" in console.rows()[-1]
        assert "^D" in console.rows()[-1]


@pytest.mark.parametrize("way", ["f5", "ctrl+d", "ctrl+n", "enter"])
async def test_send_now(agent: ScriptedAgent, way: str) -> None:
    """By the function key, its twin, and the button: the logs are sent, and the console says what went."""
    agent.sendings = [SendReply(number=4, done=False), SendReply(number=4, done=True, batches=2, events=3)]
    async with console_of(agent.connect) as console:
        await console.open("Log Queue")
        await console.press(way)
        await console.sees("Delivered 3 events in 2 batches.")
        assert agent.requests == ["send"]


async def test_a_sending_that_fails_says_why(agent: ScriptedAgent) -> None:
    """Code, cause and remedy of the failure are shown, not only that it failed."""
    agent.sendings = [SendReply(number=4, done=True, failure=REFUSED)]
    async with console_of(agent.connect) as console:
        await console.open("Log Queue")
        await console.press("f5")
        await console.dialog("Type the password again.")
        await console.sees("http-auth-refused")


async def test_a_refused_sending_says_why(agent: ScriptedAgent) -> None:
    """While sending is switched off, Send now says so."""
    refusal = Refusal(code="disabled", cause="Sending is switched off.", remedy="Switch it on.")
    agent.sendings = [ControlRefused(409, refusal)]
    async with console_of(agent.connect) as console:
        await console.open("Log Queue")
        await console.press("f5")
        await console.sees("Not sent")


async def test_progress_and_pause_are_seen(agent: ScriptedAgent) -> None:
    """A sending under way shows how far it is; a paused one what ends the pause, on page and panel."""
    progress = ProgressInfo(batches_done=3, batches=9, events_done=30, events=90, bytes_done=500, bytes=1000)
    async with console_of(agent.connect) as console:
        await console.open("Log Queue")
        agent.statuses.put_nowait(changed(delivery="sending", progress=progress))
        await console.sees("[#####.....] 3 / 9 batches")
        await console.sees("sending 3 / 9")
        agent.statuses.put_nowait(
            changed(
                ServerState.FAILING, delivery="paused", next_delivery_in_seconds=None, last_failure=REFUSED
            )
        )
        await console.sees("when you send now, or save other settings")
        assert "Type the password again." in console.screen_text()
        assert "LOGS  FAILING    3 waiting, http-auth-refused, paused" in console.screen_text()


async def test_a_viewer_cannot_send(agent: ScriptedAgent) -> None:
    """Who may only look sees the queue, and neither button nor key to send."""
    agent.role = "read"
    async with console_of(agent.connect) as console:
        await console.open("Log Queue")
        await console.sees("Waiting        3 events")
        assert "F5" not in console.screen_text()
        await console.press("f5")
        assert agent.requests == []


async def test_send_is_offered_where_logs_are(agent: ScriptedAgent) -> None:
    """On the other screens F5 is not shown and does nothing."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        assert "F5" not in console.rows()[-1]
        await console.press("f5")
        assert agent.requests == []


async def opened(console: Console, agent: ScriptedAgent, lines: int) -> Tail:
    """The Activity page with so many lines, the last in sight."""
    await console.open("Activity")
    for number in range(1, lines + 1):
        agent.activity.put_nowait(line(number))
    await console.sees(f"This is line {lines}.")
    return console.app.main.query_one(Tail)


def numbers(console: Console) -> list[int]:
    """Which lines are in sight."""
    shown = [row for row in console.rows() if "This is line" in row]
    return [int(row.rstrip(" .").rpartition(" ")[2]) for row in shown]


async def test_activity_follows_the_newest(agent: ScriptedAgent) -> None:
    """The newest line stands last, the time of day first, marks in words and not by colour."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, 30)
        shown = numbers(console)
        assert shown == list(range(shown[0], 31))
        agent.activity.put_nowait(line(31, "warning"))
        await console.sees("! This is line 31.")


async def test_what_comes_at_once_fills_the_view(agent: ScriptedAgent) -> None:
    """Who opens the page sees as much of what went before as there is room for."""
    async with console_of(agent.connect) as console:
        await console.open("Activity")
        page = console.app.main.query_one(ActivityPage)
        for number in range(1, 31):
            page.told_line(line(number))
        await console.sees("This is line 30.")
        assert numbers(console) == list(range(14, 31))


async def test_three_quarters_of_a_view_move_away_at_once(agent: ScriptedAgent) -> None:
    """Lines stand where they are until the view is full; then most of it goes, however many came before.

    The cursor stands behind the newest line.
    """
    async with console_of(agent.connect) as console:
        tail = await opened(console, agent, 500)
        for number in range(501, 530):
            before = numbers(console)
            agent.activity.put_nowait(line(number))
            await console.sees(f"This is line {number}.")
            shown = numbers(console)
            assert shown[-1] == number
            assert len(shown) == (len(before) + 1 if len(before) < 17 else 6)
            assert len(console.rows()[tail.terminal_cursor.y].rstrip()) == tail.terminal_cursor.x


async def test_another_size_fills_the_view(agent: ScriptedAgent) -> None:
    """After a resize as many lines are in sight as there is room for."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, 60)
        await console.pilot.resize_terminal(80, 30)
        await console.until(lambda: numbers(console) == list(range(38, 61)))


async def test_activity_is_bounded(agent: ScriptedAgent) -> None:
    """However long the console stays open, it keeps 500 lines."""
    async with console_of(agent.connect) as console:
        tail = await opened(console, agent, 620)
        assert len(tail._lines) == 500
        await console.press("home")
        await console.sees("This is line 121.")


async def test_a_scrolled_view_stands_still(agent: ScriptedAgent) -> None:
    """Who reads earlier lines is not carried away by new ones; End follows the newest again."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, 60)
        await console.press("pageup")
        await console.sees("lines below")
        before = [row for row in console.rows() if "This is line" in row]
        agent.activity.put_nowait(line(61))
        await console.sees("17 lines below")
        assert [row for row in console.rows() if "This is line" in row] == before
        await console.press("end")
        await console.sees("This is line 61.")


async def test_filter(agent: ScriptedAgent) -> None:
    """`/` narrows the lines to those with these letters, live; Esc shows all again, and only then leaves."""
    async with console_of(agent.connect) as console:
        tail = await opened(console, agent, 30)
        await console.press("slash", "L", "i", "n", "e", "space", "2")
        await console.sees("Filter: Line 2_   11 of 30 lines")
        await console.press("enter")
        agent.activity.put_nowait(line(31))
        agent.activity.put_nowait(line(200))
        await console.sees("This is line 200.")
        assert "line 31" not in console.screen_text()
        await console.press("escape")
        await console.sees("This is line 31.")
        assert console.app.focused is tail
        await console.press("escape")
        assert console.app.focused is not tail


async def test_a_long_line_is_cut(agent: ScriptedAgent) -> None:
    """One row a line: what does not fit ends with an ellipsis, and another day is told."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, 1)
        agent.activity.put_nowait(ActivityLine(at=NOON + timedelta(days=1), level="info", text="word " * 40))
        await console.sees("…")
        await console.sees("-- 2026-11-23 --")


async def test_a_new_line_paints_one_row(agent: ScriptedAgent) -> None:
    """On a slow line only the rows that changed are painted."""
    async with console_of(agent.connect) as console:
        tail = await opened(console, agent, 3)
        painted: list[Any] = []
        tail.refresh = lambda *regions, **_: painted.extend(regions)  # type: ignore[method-assign]
        agent.activity.put_nowait(line(4))
        await console.until(lambda: painted)
        assert [region.height for region in painted] == [1]


async def test_activity_begins_anew_with_the_agent(agent: ScriptedAgent) -> None:
    """After a restart of the agent each line is there once."""
    async with console_of(agent.connect) as console:
        tail = await opened(console, agent, 3)
        agent.alive = False
        agent.activity.put_nowait(None)
        agent.statuses.put_nowait(None)
        await console.sees("AGENT NOT RUNNING")
        agent.alive = True
        agent.statuses.put_nowait(status())
        await console.sees("TMSP  CONNECTED")
        for number in (3, 4):
            agent.activity.put_nowait(line(number))
        await console.sees("This is line 4.")
        assert [text.partition("line ")[2] for text in tail._lines] == ["3.", "4."]
