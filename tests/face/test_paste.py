"""A paste is taken as if it had been typed wherever text can be typed, and what is left out is said."""

from collections.abc import Callable

import pytest
from textual.events import Paste

from face.conftest import Console, console_of
from face.scripted import NOON, ScriptedAgent
from screens.pages.reader import Reader
from screens.shell.palette import Palette
from screens.widgets.noted_dialog import NotedDialog
from screens.widgets.text_field import PasswordField
from tm_tui.api.agent import ActivityLine
from tm_tui.api.reports import ReportInfo

PASTES = [
    ("first", "first", ""),
    ("\nfirst", "first", ""),
    ("\n\n first one \n", " first one ", ""),
    ("first\nsecond\n\nthird", "first", "Taken: the first of 3 lines."),
    ("fi\trst", "first", "Left out: tabs or other signs."),
    (" ", " ", ""),
    ("x" * 5000, "", "Not taken: room for"),
]


def _row(console: Console, words: str) -> str:
    """What stands behind these words in their row."""
    return next(row.partition(words)[2] for row in console.rows() if words in row)


async def _paste(console: Console, text: str) -> None:
    console.app.post_message(Paste(text))
    await console.pilot.pause()


async def _field(console: Console) -> Callable[[], str]:
    await console.open("TMSP")
    field = await console.go("tmsp.username")
    await console.press("ctrl+u")
    return lambda: str(field.value)


async def _password(console: Console) -> Callable[[], str]:
    await console.open("TMSP")
    field = await console.go("tmsp.password")
    assert isinstance(field, PasswordField)
    return lambda: field.secret.get_secret_value() if field.secret else ""


async def _note(console: Console) -> Callable[[], str]:
    await _field(console)
    await console.press("x", "f6")
    await console.dialog("Save untested?")
    dialog = console.app.screen
    assert isinstance(dialog, NotedDialog)
    await console.press("tab")
    return lambda: dialog._note.line.text


async def _palette(console: Console) -> Callable[[], str]:
    await console.press("ctrl+p")
    await console.until(lambda: isinstance(console.app.screen, Palette))

    def typed() -> str:
        return _row(console, "Command:").split("│")[0].strip()

    return typed


async def _filter(console: Console) -> Callable[[], str]:
    await console.open("Activity")
    await console.press("/")
    await console.sees("Filter: _")
    return lambda: _row(console, "Filter: ").partition("_")[0]


async def _search(console: Console) -> Callable[[], str]:
    await console.open("Reports")
    await console.press("enter")
    await console.until(lambda: isinstance(console.app.screen, Reader))
    await console.press("/")
    return lambda: console.app.focused._search  # type: ignore[union-attr]


_EDITORS, _LINES = (_field, _password, _note), (_palette, _filter, _search)
_QUIET_FIRST = sorted(PASTES, key=lambda paste: 2 * bool(paste[2]) - ("\t" in paste[0]))
TRIES = [
    *((place, _QUIET_FIRST) for place in _EDITORS),
    *((place, [paste]) for place in _LINES for paste in PASTES),
]
"""Where, and what is pasted there one after the other: an editor is emptied by a key in between."""


@pytest.mark.parametrize(
    ("place", "pastes"), TRIES, ids=[f"{place.__name__}-{len(all_)}" for place, all_ in TRIES]
)
async def test_a_paste_is_taken_as_typed(
    agent: ScriptedAgent, place: Callable[[Console], object], pastes: list[tuple[str, str, str]]
) -> None:
    """A line end before the text hides nothing, further lines are left out aloud, nothing is cut silently."""
    times = {"made_at": NOON, "fetched_at": NOON}
    info = ReportInfo(number=1, id="r", kind="daily", title="R", bytes=1, read=True, **times)
    agent.kept_reports[1] = (info, "# R")
    agent.activity.put_nowait(ActivityLine(at=NOON, level="info", text="a line"))
    async with console_of(agent.connect) as console:
        await console.sees("CONNECTED")
        held = await place(console)  # type: ignore[misc]
        for paste, typed, said in pastes:
            wanted, told = typed, said
            if place in _EDITORS:
                await console.press("ctrl+u")
                await console.until(lambda: held() == "")
            await _paste(console, paste)
            if place in {_field, _password} and "\t" in paste:
                wanted, told = paste, ""  # the field's own check names that sign
            if place is _palette:
                wanted = wanted.strip()  # blanks at a row's end cannot be seen
            await console.until(lambda wanted=wanted: held() == wanted)
            await console.until(lambda told=told: told in console.screen_text())
            if not told:
                assert "aken: " not in console.screen_text()


@pytest.mark.parametrize("place", ["menu", "switch", "question", "list"])
async def test_a_paste_that_nobody_takes_is_said(agent: ScriptedAgent, place: str) -> None:
    """Text that lands in the menu or on a switch is not lost without a word."""
    async with console_of(agent.connect) as console:
        await console.sees("CONNECTED")
        if place == "list":
            await console.open("Change History")
        elif place != "menu":
            await console.open("TMSP")
            await console.go("tmsp.username" if place == "question" else "tmsp.enabled")
        if place == "question":
            await console.press("x", "escape")
            await console.dialog("Discard")
        await _paste(console, "first")
        await console.sees("Not taken: nothing can be typed here.")


async def test_a_paste_begins_a_filter_and_a_search(agent: ScriptedAgent) -> None:
    """Pasted into the lines of Activity, with or without its `/`, a text filters them."""
    agent.activity.put_nowait(ActivityLine(at=NOON, level="info", text="a line"))
    for text in ("first", "/first", "\n/first"):
        async with console_of(agent.connect) as console:
            await console.open("Activity")
            await _paste(console, text)
            await console.sees("Filter: first_")
