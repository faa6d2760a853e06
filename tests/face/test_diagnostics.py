"""Diagnostics in the console: lines to read out; F1 explains a failure without a network."""

import pytest

from face.conftest import Console, console_of
from face.scripted import ScriptedAgent, refused_password
from screens.pages.help_screen import HelpScreen
from tm_tui.api.failures import AgentAbsent
from tm_tui.explain import explanation


async def test_the_lines_are_there_as_soon_as_the_entry_is_highlighted(agent: ScriptedAgent) -> None:
    """What to read out, and the moment of which it is true."""
    async with console_of(agent.connect) as console:
        await console.open("Diagnostics")
        await console.sees("tls-expired, in step tls, 4 in a row")
        assert "As of 2026-11-22" in console.screen_text()
        assert "`tm-tui diagnostics`" in console.screen_text()


async def test_each_look_is_a_new_one(agent: ScriptedAgent) -> None:
    """Coming back to the page shows how things stand now, not how they stood."""
    async with console_of(agent.connect) as console:
        await console.open("Diagnostics")
        await console.sees("tls-expired")
        await console.open("About")
        agent.diagnosis = ("State:          connected",)
        await console.open("Diagnostics")
        await console.sees("State:          connected")


async def test_a_refusal_is_told(agent: ScriptedAgent) -> None:
    """When the agent does not answer, the console says so and goes on."""
    agent.diagnosis = AgentAbsent("The agent has ended.")
    async with console_of(agent.connect) as console:
        await console.open("Diagnostics")
        await console.sees("The agent has ended.")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_help_on_a_failed_step_is_the_page_of_its_code(
    agent: ScriptedAgent, size: tuple[int, int]
) -> None:
    """F1 after a failed test shows what docs/failures.md says of the code: no network, no other screen."""
    agent.probes = [refused_password()]
    async with console_of(agent.connect, size) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.sees("ssh-auth-refused")
        await console.press("f1")
        shown = await _whole_help(console)
    text = explanation("ssh-auth-refused")
    assert text
    meaning = text.split("It means: ")[1].split("\n")[0]
    assert "".join(meaning.split()) in "".join(shown.split())


async def _whole_help(console: Console) -> str:
    screen = await console.until(lambda: isinstance(console.app.screen, HelpScreen) and console.app.screen)
    seen = [screen.words]
    while True:
        await console.press("pagedown")
        if screen.words == seen[-1]:
            return "\n".join(seen)
        seen.append(screen.words)


async def test_the_bundle_is_submitted_as_a_case_after_a_question(agent: ScriptedAgent) -> None:
    """What is in it is said first; the hasty answer submits nothing; who may only look has no button."""
    async with console_of(agent.connect, size=(100, 30)) as console:
        await console.open("Diagnostics")
        await console.sees("[ Submit as a case ]")
        await console.press("enter")
        question = await console.dialog("Submit the bundle as a case?")
        assert "No password is in it" in question.words
        await console.press("enter")
        await console.until(lambda: console.app.screen is console.app.main)
        assert "bundle" not in agent.requests
        await console.press("enter")
        await console.dialog("Submit the bundle as a case?")
        await console.press("right", "enter")
        await console.sees("Case 1 is being packed")
        assert "bundle" in agent.requests
