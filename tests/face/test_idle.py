"""An unattended console, with the time in the test's hand: it logs out, and nothing typed is lost."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from clock import FakeClock
from face.conftest import Console, console_of
from face.scripted import NOON, ScriptedAgent, document, status
from screens.desk.agent import Connection
from screens.pages.help_screen import HelpScreen
from screens.plain.lines import Lines, LoggedOut
from screens.shell.attending import Unattended
from tm_tui.api.agent import KeptDraft
from tm_tui.api.requests import DraftRequest, SaveRequest, SecretChanges

MINUTE = 60.0


async def logged_out(console: Console) -> str:
    """Wait for the end; the line that it leaves."""
    await console.until(lambda: console.app._exit)
    assert console.app.return_code == 0
    return str(console.app._exit_renderables[0])


@pytest.mark.parametrize(
    ("minutes", "after", "warns", "out"),
    [
        (15, 13 * MINUTE, False, False),
        (15, 14 * MINUTE, True, False),
        (15, 15 * MINUTE, True, True),
        (1, 29.0, False, False),
        (1, 30.0, True, False),
        (1, 60.0, True, True),
        (0, 1e9, False, False),
        (15, 1e9, True, True),
    ],
)
def test_when_the_time_is_over(minutes: int, after: float, warns: bool, out: bool) -> None:
    """It warns a minute before, never comes with 0, and after a long suspend it is over at once."""
    left = Unattended(1000.0).warns(minutes, 1000.0 + after)
    assert (left is not None) == warns
    assert (left is not None and left <= 0) == out


async def test_a_logout_that_ends_the_agent_says_so(agent: ScriptedAgent) -> None:
    """Nobody pressed F10, and beats stop all the same: the line that is left says it."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        yield Connection(agent, private=True)

    async with console_of(connect) as console:
        await console.sees("TMSP  CONNECTED")
        console.clock.second += 15 * MINUTE
        assert "agent ended with it: no beats, no logs" in await logged_out(console)


async def test_live_values_do_not_count_as_keys(agent: ScriptedAgent) -> None:
    """Snapshots come in all the time; without a key the console warns, then logs out with one line."""
    async with console_of(agent.connect) as console:
        await console.sees("TMSP  CONNECTED")
        for _ in range(14):
            console.clock.second += MINUTE
            agent.statuses.put_nowait(status())
            await console.pilot.pause(0.01)
        await console.sees("Logging out in 60 s: press any key to stay.")
        console.clock.second += MINUTE
        assert await logged_out(console) == "tm-tui: logged out after 15 minutes without a key."
        assert not any(isinstance(request, DraftRequest) for request in agent.requests)


async def test_any_key_stays(agent: ScriptedAgent) -> None:
    """A key during the warning takes it away, and the time begins anew, with help above the screen too."""
    async with console_of(agent.connect) as console:
        await console.sees("TMSP  CONNECTED")
        console.clock.second += 14.5 * MINUTE
        await console.sees("Logging out in 30 s")
        await console.press("f1")
        await console.until(lambda: isinstance(console.app.screen, HelpScreen))
        await console.until(lambda: "Logging out" not in console.screen_text())
        console.clock.second += 14 * MINUTE
        await console.pilot.pause(1.2)
        assert not console.app._exit
        console.clock.second += 2 * MINUTE
        await logged_out(console)


async def test_what_was_typed_is_kept(agent: ScriptedAgent) -> None:
    """The draft goes to the agent with its passwords, and the line says so."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.go("tmsp.password")
        await console.type("geheim")
        console.clock.second += 3600 * 8  # the machine slept
        assert "kept for your next logon" in await logged_out(console)
        request = agent.requests[-1]
        assert isinstance(request, DraftRequest)
        assert request.typed == {"tmsp.username": "tm01-registerx"}
        assert request.secrets.tmsp == SecretStr("geheim")


async def test_without_an_agent_it_still_logs_out(agent: ScriptedAgent) -> None:
    """Nobody can keep the draft: the console does not stay open for that, and says that it is lost."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        agent.alive = False
        agent.statuses.put_nowait(None)
        await console.sees("AGENT NOT RUNNING")
        console.clock.second += 16 * MINUTE
        assert "lost" in await logged_out(console)


async def test_never_is_never(agent: ScriptedAgent) -> None:
    """With 0 minutes a console stays."""
    agent.document = document()
    settings = {**agent.document.settings, "console": {"idle_minutes": 0, "trial_minutes": 10}}
    agent.document = type(agent.document)(**{**agent.document.fields(), "settings": settings})
    async with console_of(agent.connect) as console:
        await console.sees("TMSP  CONNECTED")
        console.clock.second += 1e6
        await console.pilot.pause(1.2)
        assert not console.app._exit


KEPT = KeptDraft(
    revision=17,
    typed={"tmsp.username": "other"},
    secrets=("tmsp",),
    kept_at=NOON,
    tty="ttyS0",
)


async def test_the_draft_is_offered_and_saved(agent: ScriptedAgent) -> None:
    """At the next logon the changes are back; the password is shown as kept, and saved without being here."""
    agent.kept = KEPT
    async with console_of(agent.connect) as console:
        question = await console.dialog("You have unsaved changes")
        assert "User name, Password" in question.words
        await console.press("right", "right", "enter")
        await console.open("TMSP")
        await console.sees("(typed, kept)")
        await console.sees("2 changed")
        assert console.field("tmsp.username").value == "other"
        await console.press("f2")
        await console.sees("Saved as revision 18: 2 settings: user name, password.")
        request = agent.requests[-1]
        assert isinstance(request, SaveRequest)
        assert request.secrets == SecretChanges(kept=("tmsp",))
        assert agent.kept is None
        await console.until(lambda: "(unchanged)" in console.screen_text())


async def test_a_kept_password_can_be_typed_anew(agent: ScriptedAgent) -> None:
    """Typing over it replaces it, like any other."""
    agent.kept = KEPT
    async with console_of(agent.connect) as console:
        await console.dialog("You have unsaved changes")
        await console.press("right", "right", "enter")
        await console.open("TMSP")
        await console.go("tmsp.password")
        await console.type("neu")
        draft = console.app.main.draft
        assert draft is not None
        assert draft.secret_changes() == SecretChanges(tmsp=SecretStr("neu"))


async def test_a_kept_draft_is_discarded_or_left(agent: ScriptedAgent) -> None:
    """Not now leaves it with the agent, Discard gives it up; neither touches the form."""
    agent.kept = KEPT
    for keys, left in ((["escape"], KEPT), (["right", "enter"], None)):
        agent.statuses.put_nowait(status())
        async with console_of(agent.connect) as console:
            await console.dialog("You have unsaved changes")
            await console.press(*keys)
            await console.until(lambda left=left: agent.kept == left)
            draft = console.app.main.draft
            assert draft is not None
            assert draft.changed() == ()


async def test_plain_lines_log_out_too() -> None:
    """A console in plain lines waits for a line as long as the settings say, suspend included."""
    reading, writing = os.pipe()
    clock = FakeClock()
    lines = Lines(reading, clock)
    lines.idle_minutes = 15
    try:
        os.write(writing, b"first\n")
        assert await lines.ask("Number") == "first"
        asking = asyncio.create_task(lines.ask("Number"))
        await clock.advance(14 * MINUTE)
        assert not asking.done()
        clock.suspend(2 * MINUTE)
        with pytest.raises(LoggedOut):
            await asking
    finally:
        os.close(reading)
        os.close(writing)
