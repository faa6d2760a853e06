"""What has the focus is in sight, with the cursor on it, at every size that is enough, after each resize."""

from collections.abc import Awaitable, Callable

import pytest
from textual.widget import Widget

from face.conftest import Console, console_of
from face.scripted import ScriptedAgent, fill, host_key_in_the_way, refused_password
from screens.desk.desk import Question
from screens.desk.menu import ENTRIES
from screens.launch.opening import SMALLEST
from screens.pages.help_screen import HelpScreen
from screens.pages.reader import Reader
from screens.shell.palette import Palette
from screens.terminal.cursor import place
from screens.widgets.dialog import Dialog
from screens.widgets.form import FormPage

SIZES = [SMALLEST, (60, 24), (80, 18), (80, 24), (120, 40), (200, 60)]
RESIZES = [SMALLEST, (120, 40), (80, 24), SMALLEST]

_TESTED = [entry.name for entry in ENTRIES if "test" in entry.load().ACTIONS]
PAGES = [[entry.name for entry in ENTRIES if entry.name not in _TESTED], *([name] for name in _TESTED)]
"""The pages that are gone through with one console: each that opens a test pane, which stays, has its own."""


async def _in_sight(console: Console, what: str) -> None:
    """The cursor stands in the widget that has the keys; of a form, help and buttons are in sight too."""
    app = console.app

    def rows_with_cursor_on_words() -> list[str]:
        rows, at = console.rows(), place(app)
        return rows if at is not None and rows[at[1]].strip() else []

    rows = await console.until(rows_with_cursor_on_words)
    page = app.main.page
    if isinstance(page, FormPage) and app.screen is app.main and app.focused is not app.main._menu:
        shown = "\n".join(rows)
        assert "[ Save F2 ] [ Discard Esc ]" in shown, f"{what}\n{shown}"


async def _walk(console: Console, what: str) -> None:
    """Every place that Tab leads to on this screen."""
    first = console.app.focused
    for step in range(40):
        await _in_sight(console, f"{what}, step {step}")
        await console.press("tab")
        if console.app.focused is first:
            return


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("names", PAGES, ids=lambda names: names[0])
async def test_what_has_the_focus_is_in_sight(
    agent: ScriptedAgent, names: list[str], size: tuple[int, int]
) -> None:
    """On each page each field, list, row and button that Tab reaches, with the test pane open too."""
    fill(agent)
    agent.probes = [refused_password()]
    async with console_of(agent.connect, size=size) as console:
        await console.sees("beat 12 s")
        for name in names:
            await console.open(name)
            await _walk(console, name)
            if "test" in console.app.main.page.ACTIONS:
                await console.press("f3")
                await console.sees("Test FAILED")
                await _walk(console, f"{name} below a test")
            await console.press("f4")
            await _in_sight(console, f"menu, left from {name}")


async def _question(console: Console) -> None:
    await console.open("TMSP")
    await console.go("tmsp.username")
    await console.press("x", "f6")
    await console.dialog("Save untested?")


async def _host_key(console: Console) -> None:
    await console.open("TMSP")
    await console.press("f3")
    await console.dialog("Is this the log server?")


async def _palette(console: Console) -> None:
    await console.press("ctrl+p")
    await console.until(lambda: isinstance(console.app.screen, Palette))


async def _help(console: Console) -> None:
    await console.press("f1")
    await console.until(lambda: isinstance(console.app.screen, HelpScreen))


async def _reader(console: Console) -> None:
    await console.open("Reports")
    await console.press("enter")
    await console.until(lambda: isinstance(console.app.screen, Reader))


async def _form(console: Console) -> None:
    await console.open("TMSP")
    await console.press("f3")
    await console.sees("Is this the log server?")
    await console.press("escape")
    await console.go("tmsp.email")


async def _list(console: Console) -> None:
    await console.open("Change History")
    await console.press("end")


async def _key_row(console: Console) -> None:
    await console.open("Server Identity")
    await console.press("tab")


@pytest.mark.parametrize("to", [_question, _host_key, _palette, _help, _reader, _form, _list, _key_row])
@pytest.mark.parametrize("size", [SMALLEST, (80, 24)])
async def test_it_stays_in_sight_when_the_size_changes(
    agent: ScriptedAgent, to: Callable[[Console], Awaitable[None]], size: tuple[int, int]
) -> None:
    """A window that shrinks or grows keeps the cursor, the answers of a question and the buttons in sight."""
    fill(agent)
    agent.probes = [host_key_in_the_way()]
    async with console_of(agent.connect, size=size) as console:
        await console.sees("beat 12 s")
        await to(console)
        for other in RESIZES if size == RESIZES[0] else (size, *RESIZES):
            await console.pilot.resize_terminal(*other)
            await _walk(console, f"{to.__name__} at {other}")


async def test_a_question_that_is_too_long_scrolls(agent: ScriptedAgent) -> None:
    """The words of a question that do not fit are read by Page Down; its answers stay, however wide."""
    answers = [("a", "Decide later about this"), ("b", "Mine on top of theirs"), ("c", "Take theirs now")]
    question = Question("Somebody else saved", [f"line {number}" for number in range(30)], answers)
    async with console_of(agent.connect, size=SMALLEST) as console:
        console.app.push_screen(Dialog(question))
        await console.sees("Page Down: more")
        assert "line 29" not in console.screen_text()
        await console.press("pagedown", "pagedown", "pagedown", "pagedown")
        await console.sees("line 29")
        for _, label in answers:
            assert f"[ {label} ]" in console.screen_text()


async def test_a_name_is_in_sight_while_it_is_typed(agent: ScriptedAgent) -> None:
    """The end of a host name that is longer than its field shows, at 60 columns as well."""
    async with console_of(agent.connect, size=SMALLEST) as console:
        await console.open("TMSP")
        field = await console.go("tmsp.log_server.host")
        name = "portal-with-a-name-of-many-parts.security.example.com"
        await console.press("ctrl+u")
        await console.type(name)
        await console.until(lambda: field.value == name)
        await console.sees("security.example.com")
        await _in_sight(console, "host name")


def _kept(widgets: list[Widget]) -> int:
    """How many drawn lines Textual keeps for these."""
    return sum(len(each._render_cache.lines) + len(each._styles_cache._cache) for each in widgets)


async def test_what_is_out_of_sight_keeps_no_drawn_lines(agent: ScriptedAgent) -> None:
    """Each takes a kilobyte, those of a closed dialog for good; a page that comes again looks as before."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        page = list(console.app.main.page.walk_children(Widget, with_self=True))
        await console.until(lambda: _kept(page))
        before = console.screen_text()
        await console.press("f1")
        await console.until(lambda: isinstance(console.app.screen, HelpScreen))
        help_ = list(console.app.screen.walk_children(Widget, with_self=True))
        await console.until(lambda: _kept(help_))
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.app.main)
        assert _kept(help_) == 0
        await console.open("Activity")
        assert _kept(page) == 0
        await console.open("TMSP")
        await console.until(lambda: console.screen_text() == before)
