"""Reports in the console: the list and its marks, the reader, the count in the menu, the viewer's part."""

from datetime import timedelta
from typing import Any

import pytest

from face.conftest import SIZES, Console, Story, console_of
from face.scripted import NOON, ScriptedAgent, status
from screens.pages.help_screen import HelpScreen
from screens.pages.reader import Reader
from screens.widgets.reading import Reading
from tm_tui.api.agent import AgentStatus, LastFailure
from tm_tui.api.reports import ReportInfo
from tm_tui.api.requests import ReadMarks

INCIDENT = """# Incident: RTKT\\_HIDE.C on till-07

|  |  |
| --- | --- |
| Endpoint | **till-07**, 192.0.2.77 |
| Threat | **RTKT\\_HIDE.C**, severity **critical** |

## Malicious behaviours

- **Puts files on the disk:** invoice.exe created `rk.sys`
- **Fetches from or talks to the network:** invoice.exe connected to `198.51.100.23`

## Chain of events that led to the infection

""" + "\n".join(f"{n}. 2026-11-22 11:{n:02} UTC: **actor-{n}** created `file-{n}`" for n in range(1, 41))


pytestmark = pytest.mark.usefixtures("utc")


def info(number: int, *, read: bool = False, title: str = "") -> ReportInfo:
    kind = ("incident", "daily", "weekly", "monthly")[number % 4]
    return ReportInfo(
        number=number,
        id=f"tm01-{kind}-{number}",
        kind=kind,
        title=title or f"Report {number}",
        made_at=NOON + timedelta(hours=number),
        fetched_at=NOON,
        bytes=len(INCIDENT),
        read=read,
    )


def with_reports(agent: ScriptedAgent, number: int = 4, **more: Any) -> AgentStatus:
    """A snapshot of an agent that keeps so many, the newest first; some are read."""
    kept = [info(n, read=n == 2) for n in range(number, 0, -1)]
    agent.kept_reports = {one.number: (one, INCIDENT) for one in kept}
    reports = {"enabled": True, "kept": number, "unread": number - 1, "checked_at": NOON, "newest": kept[0]}
    return AgentStatus(**(status().fields() | {"reports": reports | more}))


async def opened(console: Console, agent: ScriptedAgent, number: int = 4, **more: Any) -> None:
    """The page with so many reports."""
    await console.sees("TMSP  CONNECTED")
    agent.statuses.put_nowait(with_reports(agent, number, **more))
    await console.open("Reports")
    await console.sees("Report 1")


async def reading(console: Console) -> Reading:
    """The reader, once its text is laid out."""
    await console.until(lambda: isinstance(console.app.screen, Reader))
    await console.sees("Malicious behaviours")
    return console.app.screen.query_one(Reading)


async def test_the_list_marks_what_was_not_read(agent: ScriptedAgent) -> None:
    """Newest first, with kind and date; a mark beside the unread, and their count in the menu."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        rows = [row for row in console.rows() if "Report " in row and "11-2" in row]
        assert "4 reports, 3 not read (*), looked at the portal 12:00:00" in console.screen_text()
        assert "Reports 3" in console.screen_text()
        assert any("* 11-22 15:00  monthly   Report 3" in row for row in rows)
        assert any("  11-22 14:00  weekly    Report 2" in row for row in rows)
        assert "Enter Read" in console.rows()[-1]


async def test_reading_marks_it_as_read(agent: ScriptedAgent) -> None:
    """Enter opens the text laid out, the mark is set at the agent, and Esc goes back to the list."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        await console.press("enter")
        await reading(console)
        shown = console.screen_text()
        assert "Incident: RTKT_HIDE.C on till-07" in shown
        assert "**" not in shown
        assert agent.requests == [ReadMarks(numbers=(4,))]
        await console.press("escape")
        await console.sees(">  11-22 16:00")
        assert console.app.focused is not None
        await console.press("down", "down", "enter")
        await reading(console)
        assert len(agent.requests) == 1  # that one was read before


async def test_a_viewer_reads_and_leaves_the_marks(agent: ScriptedAgent) -> None:
    """Who may only look reads too; nothing is changed for the others."""
    agent.role = "read"
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        await console.press("enter")
        await reading(console)
        assert agent.requests == []


async def test_pages_turn(agent: ScriptedAgent) -> None:
    """Space and Page Down, b and Page Up, arrows, Home and End; the share that was read stands below."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        await console.press("enter")
        text = await reading(console)
        assert "Space turns the page" in console.screen_text()
        await console.press("space")
        first = text.top
        assert first > 5
        await console.press("pagedown")
        assert text.top > first
        await console.press("b", "pageup")
        assert text.top == 0
        await console.press("down", "down", "up")
        assert text.top == 1
        await console.press("end")
        await console.sees("100 %")
        await console.sees("file-40")
        await console.press("home")
        assert text.top == 0


async def test_search(agent: ScriptedAgent) -> None:
    """/ types, Enter finds, n and N go on and round the end, what is not there is told, Esc drops it."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        await console.press("enter")
        text = await reading(console)
        await console.press("slash")
        await console.type("FILE-3")
        assert "/FILE-3_" in console.screen_text()
        await console.press("enter")
        await console.sees("file-3")
        await console.press("n")
        await console.sees("file-30")
        at = text.top
        await console.press("N")
        await console.sees("file-3")
        assert text.top <= at
        await console.press("N")
        await console.sees("found beyond the end")
        await console.sees("file-39")
        await console.press("escape")
        assert isinstance(console.app.screen, Reader)
        await console.press("slash")
        await console.type("nowhere")
        await console.press("enter")
        await console.sees("is not in this text")
        await console.press("escape", "escape")
        await console.until(lambda: not isinstance(console.app.screen, Reader))


async def test_signs_of_search_are_text(agent: ScriptedAgent) -> None:
    """What is typed is searched as it stands, not as a pattern; space is a letter then."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        await console.press("enter")
        await reading(console)
        await console.press("slash")
        await console.type("(.")
        await console.press("enter")
        await console.sees("is not in this text")
        await console.press("slash")
        await console.type("talks to the")
        await console.press("enter")
        await console.sees("talks to the network")


async def test_help_from_the_reader(agent: ScriptedAgent) -> None:
    """F1 explains the keys there too."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        await console.press("enter")
        await reading(console)
        await console.press("f1")
        await console.until(lambda: isinstance(console.app.screen, HelpScreen))
        await console.press("escape")
        await console.until(lambda: isinstance(console.app.screen, Reader))


async def test_the_list_follows_the_snapshot(agent: ScriptedAgent) -> None:
    """A report that comes is there at once; the marker stays on the one that was chosen."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        await console.press("down")
        agent.statuses.put_nowait(with_reports(agent, 5))
        await console.sees("Report 5")
        assert any(
            row.split("│")[1].startswith(" >") and "Report 3" in row for row in console.rows() if "│" in row
        )


async def test_many_reports_scroll(agent: ScriptedAgent) -> None:
    """The chosen one is always in sight."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, 4)
        agent.statuses.put_nowait(with_reports(agent, 200))
        await console.sees("Report 200")
        await console.press("end")
        await console.sees("Report 1 ")
        await console.press("pageup", "home")
        await console.sees("Report 200")


async def test_switched_off_it_says_what_that_means(agent: ScriptedAgent) -> None:
    """No reports are fetched, those made now hold no data; the old ones can be read."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, enabled=False)
        await console.sees("Sending to TMSP is switched off: no reports are fetched")
        await console.sees("hold no data.")
        await console.press("enter")
        await reading(console)


async def test_a_failure_is_shown_with_its_reason(agent: ScriptedAgent) -> None:
    """Code, count, cause and remedy, beside the reports that are there."""
    failure = LastFailure(
        code="http-not-found", stage="service", cause="Cause here.", remedy="Remedy here.", at=NOON, count=3
    )
    async with console_of(agent.connect) as console:
        await opened(console, agent, last_failure=failure.fields())
        await console.sees("Not fetched: http-not-found, 3 times")
        await console.sees("Cause here. Remedy here.")


async def test_a_report_that_cannot_be_had_is_told(agent: ScriptedAgent) -> None:
    """The agent goes between list and reading: a notice, no reader, no crash."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        agent.alive = False
        await console.press("enter")
        await console.sees("No agent answers.")
        assert not isinstance(console.app.screen, Reader)


async def test_the_count_is_gone_with_the_agent(agent: ScriptedAgent) -> None:
    """An old count would look new: it is not shown while nobody keeps it up. It costs no new layout."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        menu = console.app.main._menu
        painted: list[Any] = []
        refresh = menu.refresh
        menu.refresh = lambda *regions, **more: (painted.append(more), refresh(*regions, **more))[1]  # type: ignore[method-assign]
        agent.statuses.put_nowait(with_reports(agent, 9))
        await console.sees("Reports 8")
        assert painted
        assert not any(more.get("layout") for more in painted)
        agent.statuses.put_nowait(None)
        agent.alive = False
        await console.sees("AGENT NOT RUNNING")
        await console.until(lambda: "Reports 8" not in console.screen_text())


async def test_a_step_paints_two_rows(agent: ScriptedAgent) -> None:
    """On a slow line only the rows that changed are painted."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        from screens.widgets.pick_list import PickList

        shown = console.app.main.page.query_one(PickList)
        painted: list[Any] = []
        shown.refresh = lambda *regions, **_: painted.extend(regions)  # type: ignore[method-assign]
        await console.press("down")
        assert [region.height for region in painted] == [1, 1]


async def list_page(console: Console, agent: ScriptedAgent) -> None:
    await opened(console, agent)


async def reader_page(console: Console, agent: ScriptedAgent) -> None:
    await opened(console, agent)
    await console.press("enter")
    await reading(console)
    await console.press("slash", "f", "i", "l", "e", "enter")
    await console.until(lambda: "next, Esc drops" in console.screen_text())


STORIES: dict[str, tuple[Story, str]] = {
    "list": (list_page, "entry top page keys"),
    "reader": (reader_page, "sheet"),
}
"""Each with the parts of the screen that it is about."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("story", STORIES)
async def test_reports_screen(story: str, size: str, agent: ScriptedAgent, pictured: Any) -> None:
    """The screens look as they did when somebody last looked at them; the reader covers all, in an image."""
    play, parts = STORIES[story]
    await pictured(agent, play, "svg" if (story, size) == ("reader", "80x24") else parts, size)
