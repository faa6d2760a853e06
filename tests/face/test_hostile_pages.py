"""Whatever an agent answers within the bounds of its shapes, every page of the console shows it."""

import asyncio
import io
import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import redirect_stdout
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from face.conftest import Console, console_of
from face.scripted import ScriptedAgent
from hostile.socket import Answers, answering
from hostile.values import Hostile
from screens.desk.menu import entries
from screens.plain.console import _run as run_in_plain_lines
from screens.plain.lines import Lines
from screens.shell.failed_page import FailedPage
from screens.shell.pages import Pages
from screens.widgets.dialog import Dialog
from tm_tui.api.agent import ActivityLine, AgentStatus, SessionInfo
from tm_tui.paths import Home
from tm_tui.text import is_safe


class HostileAgent(ScriptedAgent):
    """An agent that answers with extremes; what changes something it takes."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(answers.shape("/v1/settings"))
        self._answers = answers
        self.statuses.put_nowait(answers.shape("/v1/status"))

    async def trust(self) -> Any:
        return self._answers.shape("/v1/trust")

    async def patterns(self) -> Any:
        return self._answers.shape("/v1/patterns")

    async def deployment(self, number: int, *, wait: bool = False) -> Any:
        return self._answers.shape("/v1/patterns/deployments/N")

    async def diagnostics_text(self) -> Any:
        return self._answers.shape("/v1/diagnostics")

    async def history(self) -> Any:
        return tuple(self._answers.shape("/v1/history"))

    async def differences(self, old: int, new: int) -> Any:
        return tuple(self._answers.shape("/v1/history/N/diff/N"))

    async def reports(self) -> Any:
        return self._answers.shape("/v1/reports")

    async def report(self, number: int) -> Any:
        return self._answers.shape("/v1/reports/N")

    async def mark_reports(self, marks: Any) -> Any:
        return await self.reports()

    async def cases(self) -> Any:
        return self._answers.shape("/v1/cases")

    async def kept_draft(self) -> Any:
        return self._answers.shape("/v1/draft")

    async def activity_stream(self) -> AsyncGenerator[ActivityLine, None]:
        for line in self._answers.shape("/v1/activity"):
            yield line
        await asyncio.Event().wait()


def check(console: Console, where: str) -> None:
    """Nothing has failed, and what is in sight is text and nothing else."""
    pages = console.app.main.query_one(Pages)
    assert console.app.crash is None, (where, console.app.crash)
    assert not pages.query(FailedPage), (where, console.screen_text())
    unsafe = [row for row in console.rows() if not is_safe(row)]
    assert not unsafe, (where, unsafe)


async def visit(console: Console, name: str) -> None:
    """Open a page, look closer at what has the focus there, move, and come back."""
    await console.open(name)
    check(console, name)
    for key in ("enter", "escape", "escape", "f4"):
        await console.press(key)
        check(console, f"{name}, {key}")


@pytest.mark.timeout(400)  # a page a second, thirty pages, on a machine with other work
@given(st.integers(0, 2**32), st.sampled_from([(80, 24), (132, 43), (60, 18)]))
@settings(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_page_shows_what_an_agent_may_answer(seed: int, size: tuple[int, int]) -> None:
    """One odd date, number or text must not take the console from an admin."""

    async def story() -> None:
        random = Random(seed)
        agent = HostileAgent(Answers(random))
        async with console_of(agent.connect, size=size) as console:
            await console.until(lambda: console.app.main.draft)
            check(console, "the start")
            if isinstance(console.app.screen, Dialog):  # the draft that was kept
                await console.press("right", "right", "enter")
            for entry in entries():
                agent.statuses.put_nowait(Hostile(random).shape(AgentStatus))
                await visit(console, entry.name)
                console.clock.second += random.choice((0.0, 1.0, 600.0))
            agent.statuses.put_nowait(None)
            await console.press("f4")
            check(console, "the agent gone")

    asyncio.run(story())


@given(st.integers(0, 2**32))
@settings(max_examples=5, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_page_in_plain_lines_shows_what_an_agent_may_answer(seed: int) -> None:
    """Whoever reads line by line walks the whole menu, and nothing in it fails."""
    answers = Answers(Random(seed))
    answers.put("/v1/session", SessionInfo(user="admin", role="write"))
    typed = [""]  # the draft that was kept is left alone
    for number, entry in enumerate(entries(), 1):
        typed += [str(number), *(["q"] if entry.edits() else []), "", "", ""]
    reading, writing = os.pipe()
    os.write(writing, "".join(f"{line}\n" for line in [*typed, "0"]).encode())
    os.close(writing)
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TM_TUI_HOME", folder)
        patch.setattr("screens.plain.console.Lines", lambda: Lines(reading))
        with answering(answers, Home.find().control_socket), redirect_stdout(said):
            asyncio.run(run_in_plain_lines(Home.find(), locked=True))
    os.close(reading)
    lines = said.getvalue().splitlines()
    assert said.getvalue().count("Number (m menu, ? help)") > len(entries())
    assert not [line for line in lines if "because of a bug" in line or not is_safe(line)]
    assert max(map(len, lines)) < 6000
