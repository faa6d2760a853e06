"""A bug in one page costs that page, whichever of its code has it; menu, keys and other pages go on."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.events import Show
from textual.widget import Widget

from face.conftest import LIMIT, Console, console_of
from face.scripted import ScriptedAgent
from screens.desk.menu import entries
from screens.desk.messages import ForAgent
from screens.pages.diagnostics import DiagnosticsPage
from screens.plain.console import _run as run_in_plain_lines
from screens.plain.lines import Lines
from screens.shell.failed_page import FailedPage
from screens.shell.menu_tree import MenuTree
from screens.shell.pages import Pages
from screens.widgets.block import Block
from tm_tui.paths import Home


class Bug(Exception):
    """What nobody expected; its text could be anybody's secret."""


def fail(self: Any = None, *_: Any, **__: Any) -> Any:
    raise Bug("canary-geheim")


class FailsInRender(Block):
    def render(self) -> Any:
        return fail()


class FailsInSize(Block):
    def get_content_height(self, *_: Any) -> int:
        return fail()


class FailsOnShow(Block):
    def on_show(self, _: Show) -> None:
        fail()


class FailsWhenComposed(Widget):
    def compose(self) -> Any:
        return fail()


class FailsOnKey(Block, can_focus=True):
    BINDINGS = (Binding("x", "boom"),)
    action_boom = fail


def with_child(kind: Callable[[], Widget]) -> type[DiagnosticsPage]:
    """A page in which one widget is broken."""

    class Broken(DiagnosticsPage):
        def compose(self) -> Any:
            yield kind()
            yield from super().compose()

        def first(self) -> Widget | None:
            return self.query_one(FailsOnKey) if kind is FailsOnKey else super().first()

    return Broken


def with_method(name: str, method: Callable[..., Any] = fail) -> type[DiagnosticsPage]:
    """A page of which one method is broken."""
    return type("Broken", (DiagnosticsPage,), {name: method})


async def fails_later(self: Any, _: Any) -> None:
    fail()


def in_timer(self: Any) -> None:
    self.set_timer(0.001, self.boom)


def in_worker(self: Any) -> None:
    async def work() -> None:
        self.boom()

    self.run_worker(work)


BROKEN = {
    "made": with_method("__init__"),
    "composed": with_method("compose"),
    "mounted": with_method("on_mount"),
    "shown": with_method("on_show"),
    "told the status": with_method("told_status"),
    "told the draft": with_method("told_draft"),
    "told the role": with_method("told_role"),
    "entered": with_method("enter"),
    "its flow": with_method("_fetch", fails_later),
    "its timer": type("Broken", (DiagnosticsPage,), {"on_mount": in_timer, "boom": fail}),
    "its worker": type("Broken", (DiagnosticsPage,), {"on_mount": in_worker, "boom": fail}),
    "a widget rendered": with_child(FailsInRender),
    "a widget measured": with_child(FailsInSize),
    "a widget shown": with_child(FailsOnShow),
    "a widget composed": with_child(FailsWhenComposed),
    "a widget's action": with_child(FailsOnKey),
}


def reports_in(folder: Path) -> list[str]:
    """The reports that were written; none holds what an exception said."""
    found = [path.read_text(encoding="utf-8") for path in folder.glob("crash-*.txt")]
    assert not any("canary" in text for text in found)
    return found


async def failed(console: Console, *, key: str = "") -> None:
    """Open the page, and wait until its failure stands in its place.

    The pilot itself waits for every widget, and a widget that fails answers nothing.
    """
    await console.until(lambda: console.app.main.draft)
    await console.app.main.action_open("Diagnostics")
    pages = console.app.main.query_one(Pages)
    if key:
        await console.press(key)
    async with asyncio.timeout(LIMIT):
        while not isinstance(pages.current, FailedPage) or any(page.failed for page in pages.children):  # noqa: ASYNC110  Textual has no event
            await asyncio.sleep(0)
    await console.sees("This page cannot be shown because of a bug")


@asynccontextmanager
async def console_with(
    page: Any, agent: ScriptedAgent, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Console]:
    """A console on which the Diagnostics entry leads to this page."""
    monkeypatch.setattr("screens.pages.diagnostics.DiagnosticsPage", page)
    async with console_of(agent.connect) as console:
        console.app.crash_folder = folder
        yield console


@pytest.mark.parametrize("where", BROKEN)
async def test_a_page_that_fails_says_so_in_its_place(
    where: str, agent: ScriptedAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever code of a page fails, the admin reads that there, and goes on everywhere else."""
    async with console_with(BROKEN[where], agent, tmp_path, monkeypatch) as console:
        await failed(console, key="x" if where == "a widget's action" else "")
        assert "canary" not in console.screen_text()
        assert console.app.crash is None
        assert len(reports_in(tmp_path)) == 1
        await console.press("f4")
        assert isinstance(console.app.focused, MenuTree)
        await console.open("Status")
        await console.sees("Status server  CONNECTED")
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.until(console.app.main.draft.changed)
        pages = console.app.main.query_one(Pages)
        assert len([page for page in pages.children if page.display]) == 1


async def test_a_page_is_tried_again_when_the_admin_comes_back(
    agent: ScriptedAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed by one odd answer may work with the next one; one bug leaves one report."""
    broken = [True, True]

    class Sometimes(DiagnosticsPage):
        def told_status(self, seen: Any, now: float) -> None:
            if broken and broken.pop():
                fail()
            super().told_status(seen, now)

    async with console_with(Sometimes, agent, tmp_path, monkeypatch) as console:
        for _ in range(2):
            await failed(console)
            await console.open("Status")
        await console.open("Diagnostics")
        await console.sees("tls-expired")
        assert len(reports_in(tmp_path)) == 1


async def test_what_a_failed_page_had_asked_for_ends_nothing(
    agent: ScriptedAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flow of a page that is gone meanwhile may fail too."""

    class Twice(DiagnosticsPage):
        def on_mount(self) -> None:
            self.post_message(ForAgent(self._late, "late"))
            self.set_timer(0.001, self.boom)

        def boom(self) -> None:
            failing.set()
            fail()

        async def _late(self, desk: Any) -> None:
            await failing.wait()
            gone.append(True)
            self.boom()

    gone: list[bool] = []
    failing = asyncio.Event()
    async with console_with(Twice, agent, tmp_path, monkeypatch) as console:
        await failed(console)
        await console.until(lambda: gone)
        await console.open("Status")
        await console.sees("Status server  CONNECTED")
        assert console.app.crash is None


async def test_a_bug_outside_of_pages_still_ends_the_console(
    agent: ScriptedAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be shown in place of what failed, a new console takes the old one's place."""

    async def story() -> None:
        async with console_of(agent.connect) as console:
            console.app.crash_folder = tmp_path
            console.app.main.call_later(fail)
            await console.until(lambda: console.app.crash)

    with pytest.raises(Bug):
        await story()


def test_without_leave_to_write_no_report_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The locked console of a viewer writes no file for this either."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    from screens.shell.app import TmTui

    app = TmTui(ScriptedAgent().connect)
    app.crash_reports = False
    assert "No report was written" in app.page_line(Bug())
    assert list(tmp_path.iterdir()) == []


async def test_in_plain_lines_a_command_that_fails_says_so_and_the_menu_comes_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads line by line gets the same words, and goes on with another number."""
    numbers = [entry.name for entry in entries()]

    async def broken(_desk: Any, command: str) -> None:
        if command == "status":
            fail()

    monkeypatch.setattr("screens.plain.console.run_command", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    reading, writing = os.pipe()
    status_page = str(numbers.index("Status") + 1)
    os.write(writing, f"{status_page}\n{status_page}\n0\n".encode())
    os.close(writing)
    monkeypatch.setattr("screens.plain.console.Lines", lambda: Lines(reading))
    await run_in_plain_lines(Home.under(tmp_path / "none"), locked=True)
    os.close(reading)
    said = capsys.readouterr().out
    assert said.count("! This cannot be shown because of a bug (Bug at test_failing_page.py:") == 2
    assert said.count("Number (m menu, ? help)") == 3
    assert "canary" not in said
    assert reports_in(tmp_path) == []
