"""The line above the status: it goes with its page, ends when it is overtaken, and says how things go on."""

import pytest

from face.conftest import console_of
from face.scripted import ScriptedAgent, document, status
from face.test_cases import case, opened, snapshot
from screens.desk.draft import Draft
from screens.desk.notices import NOTHING, Notice, stand_of
from tm_tui.api.agent import SessionEntry


async def test_a_notice_ends_with_a_changed_value_and_with_its_page(agent: ScriptedAgent) -> None:
    """Nothing to save is true until something is typed; what was saved on a form is not told on others."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.press("f2")
        await console.sees("Nothing to save")
        await console.type("x")
        await console.until(lambda: "Nothing to save" not in console.screen_text())
        await console.press("f2")
        await console.sees("Saved as revision 18: User name.")
        await console.press("f4", "down")
        await console.until(lambda: "Services > Proxy" in console.rows()[1])
        assert "Saved as" not in console.screen_text()
        await console.press("up")
        await console.until(lambda: "Services > Threat" in console.rows()[1])
        assert "Saved as" not in console.screen_text()


@pytest.mark.parametrize("size", [(80, 24), (60, 18)])
async def test_a_wrong_value_is_told_where_it_is(agent: ScriptedAgent, size: tuple[int, int]) -> None:
    """Saved from another page, the notice names the field, and goes along to the form that has it."""
    async with console_of(agent.connect, size=size) as console:
        await console.open("TMSP")
        field = await console.go("tmsp.log_server.host")
        await console.press(*["backspace"] * len(str(field.value)))
        await console.open("Proxy Settings")
        await console.press("f2")
        await console.sees("Not saved: correct Log server.")
        assert "Services > Threat" in console.rows()[1]


@pytest.mark.parametrize(
    ("size", "named"), [((80, 24), "Log server, Status server and 2 more."), ((60, 18), "Log server.")]
)
async def test_wrong_values_are_named_where_there_is_room(
    agent: ScriptedAgent, size: tuple[int, int], named: str
) -> None:
    """As many as fit, or the first: no box stands before the fields on a small terminal."""
    async with console_of(agent.connect, size=size) as console:
        await console.open("TMSP")
        for key in ("tmsp.log_server.host", "tmsp.status_server.host", "tmsp.email"):
            await console.go(key)
            await console.press("ctrl+u")
            await console.type("a!")
        for key, done in (("f2", "saved"), ("f3", "tested")):
            await console.press(key)
            await console.sees(f"Not {done}: correct {named}")
            await console.until(lambda: console.app.focused is console.field("tmsp.log_server.host"))


async def test_a_case_says_how_it_goes_on_in_one_line(agent: ScriptedAgent) -> None:
    """Packed, under way, at the portal: one line says each once it is true."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        console.field("endpoint").type_in("pc-17")
        console.app.main.set_focus(console.field("description"))
        await console.press("tab", "enter")
        await console.sees("Case 1 is being packed")
        agent.cases_held = [case(1, "sending")]
        agent.statuses.put_nowait(snapshot(2))
        await console.sees("Case 1 goes to TMSP.")
        agent.cases_held = [case(1, "submitted", case_id="C-000042")]
        agent.statuses.put_nowait(snapshot(3))
        await console.sees("Case 1 is at the portal: C-000042.")
        assert "goes to TMSP" not in console.screen_text()


async def test_that_no_agent_answered_is_over_when_one_does(agent: ScriptedAgent) -> None:
    """A refusal for want of an agent does not outlive its return."""
    async with console_of(agent.connect, size=(120, 30)) as console:
        await console.open("Log Queue")
        agent.alive = False
        await console.press("f5")
        await console.sees("Not sent: No agent answers")
        agent.alive = True
        agent.statuses.put_nowait(None)
        agent.statuses.put_nowait(status())
        await console.until(lambda: "Not sent" not in console.screen_text())


def test_a_notice_of_the_whole_console_ends_by_time_alone() -> None:
    """It stays on every page and whatever is typed, for a minute."""
    draft = Draft(document())
    told = Notice("Trial of revision 8: confirmed.", at=10.0)
    assert told.as_of(69.0, "Proxy Settings", draft.with_value("tmsp.username", "x")) is told
    assert told.as_of(71.0, "TMSP", draft) is NOTHING
    bound = Notice("Saved.", at=10.0, page="TMSP", stand=stand_of(draft))
    assert bound.as_of(11.0, "TMSP", draft) is bound
    assert bound.as_of(11.0, "TMSP", Draft(document(18))) is NOTHING


async def test_a_key_that_does_nothing_here_says_why(agent: ScriptedAgent) -> None:
    """Nothing to save, test or choose on a page that only shows; the menu says where the key would work."""
    async with console_of(agent.connect, size=(100, 24)) as console:
        await console.open("Activity")
        for key, words in (
            ("f2", "Nothing to save here"),
            ("f3", "Nothing to test here"),
            ("f5", "Nothing to send here"),
            ("f6", "Nothing to try here"),
            ("space", "Nothing to choose here"),
        ):
            await console.press(key)
            await console.sees(words)
        await console.open("TMSP")
        await console.press("f4", "f2")
        await console.sees("F2 works on the form: Enter opens it.")


async def test_who_may_only_look_is_told_so(agent: ScriptedAgent) -> None:
    """F2, F3, Space and typing on a form that only shows."""
    agent.role = "read"
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        for key in ("f2", "f3", "f6"):
            await console.press(key)
            await console.sees("You may only look here.")
            console.app.main.overtaken()
        for field, key in (
            ("tmsp.enabled", "space"),
            ("tmsp.edition", "right"),
            ("tmsp.username", "backspace"),
        ):
            await console.go(field)
            await console.press(key)
            await console.sees("You may only look here.")
            console.app.main.overtaken()


async def test_a_form_that_another_console_edits_says_so(agent: ScriptedAgent) -> None:
    """Who, from where and for how long; our own typing and other forms are no news."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        other = SessionEntry(
            user="root",
            role="write",
            tty="pts/1",
            id="b",
            seconds=600.0,
            editing=("TMSP",),
            editing_seconds=180.0,
        )
        elsewhere = SessionEntry(user="mallory", role="write", id="c", seconds=60.0, editing=("Console",))
        agent.statuses.put_nowait(status(sessions=(other, elsewhere)))
        await console.sees("! root (pts/1) edits this form too, for 3 min.")
        assert "mallory" not in console.screen_text()
        await console.open("Proxy Settings")
        assert "edits this form" not in console.screen_text()
        await console.open("TMSP")
        await console.sees("edits this form too")
        agent.statuses.put_nowait(status(sessions=(elsewhere,)))
        await console.until(lambda: "edits this form" not in console.screen_text())
