"""Keys: what is shown works, what must not be bound is not."""

import pytest

from face.conftest import console_of
from face.scripted import ScriptedAgent, status
from screens.desk.keys import KEYS
from screens.desk.menu import ENTRIES, entries
from screens.pages.help_screen import HelpScreen, help_text
from screens.shell.menu_tree import MenuTree
from screens.shell.palette import Palette
from screens.widgets.dialog import Dialog
from tm_tui.api.agent import ServerState
from tm_tui.api.requests import ProbeRequest

FORBIDDEN = ["ctrl+s", "ctrl+q", "ctrl+z", "ctrl+backslash", "ctrl+c"]


@pytest.mark.parametrize("place", ["menu", "form", "dialog"])
async def test_flow_control_and_job_control_are_never_bound(agent: ScriptedAgent, place: str) -> None:
    """^S ^Q ^Z ^backslash ^C belong to the line and the terminal, wherever the focus is."""
    async with console_of(agent.connect) as console:
        if place != "menu":
            await console.open("TMSP")
        if place == "dialog":
            await console.go("tmsp.username")
            await console.type("x")
            await console.press("escape")
            await console.dialog("Discard")
        bound = {key for _, bindings in console.app.screen._binding_chain for key in bindings.key_to_bindings}
        assert not bound & set(FORBIDDEN)
        screen = console.app.screen
        await console.press(*FORBIDDEN)
        assert console.app.screen is screen
        assert console.app.return_value is None


def test_a_twin_arrives_from_everywhere() -> None:
    """Browsers keep ^N ^T ^W, tmux ^B, screen and minicom ^A: what the footer names reaches the console."""
    kept = {*FORBIDDEN, "ctrl+n", "ctrl+t", "ctrl+w", "ctrl+b", "ctrl+a", "ctrl+right_square_bracket"}
    line = {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m"}
    assert not {key.control for key in KEYS} & (kept | line)
    assert len({code for key in KEYS for code in key.codes}) == sum(len(key.codes) for key in KEYS)


@pytest.mark.parametrize("twin", [False, True])
async def test_every_key_in_the_footer_works(agent: ScriptedAgent, twin: bool) -> None:
    """Each F-key that the footer of a form names does what it says, and so does its control key."""
    for key in (key for key in KEYS if key.action != "send"):  # that one belongs to the Log Queue
        async with console_of(agent.connect) as console:
            await console.open("TMSP")
            await console.go("tmsp.username")
            await console.type("x")
            assert f"{key.name} {key.label}" in console.rows()[-1]
            assert key.twin in console.rows()[-1]
            agent.requests.clear()
            await console.press(key.control if twin else key.function)
            effect = {
                "help": lambda app: isinstance(app.screen, HelpScreen),
                "save": lambda _: agent.requests and isinstance(agent.requests[0], ProbeRequest),
                "test": lambda _: agent.requests and isinstance(agent.requests[0], ProbeRequest),
                "menu": lambda app: isinstance(app.focused, MenuTree),
                "on_trial": lambda app: isinstance(app.screen, Dialog),
                "leave": lambda app: isinstance(app.screen, Dialog),
            }[key.action]
            await console.until(lambda effect=effect, app=console.app: effect(app))


async def test_the_footer_follows_a_question(agent: ScriptedAgent) -> None:
    """While a question is open the footer names its keys, and those of the form again afterwards."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.press("escape")
        await console.dialog("Discard")
        await console.until(lambda: "F2 Save" not in console.rows()[-1])
        assert "Esc closes" in console.rows()[-1]
        await console.press("escape")
        await console.until(lambda: "F2 Save" in console.rows()[-1])


async def test_the_menu_offers_no_save(agent: ScriptedAgent) -> None:
    """What does not work in the menu is not shown there, and does nothing."""
    async with console_of(agent.connect) as console:
        await console.press("down")
        await console.sees("Enter Open")
        assert "Save" not in console.rows()[-1]
        await console.press("f2", "f3")
        assert agent.requests == []


async def test_buttons_do_what_the_keys_do(agent: ScriptedAgent) -> None:
    """A terminal without function keys reaches every command of a form by Tab and Enter."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.status_server.download_kbps")
        await console.press("tab", "enter")
        await console.sees("Test passed")


async def test_leaving_an_unchanged_console_asks_nothing(agent: ScriptedAgent) -> None:
    """F10 ends it at once when nothing is unsaved."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("f10")
        await console.until(lambda: console.app.return_value == 0)


async def test_leaving_with_unsaved_changes_asks(agent: ScriptedAgent) -> None:
    """F10 with a typed value asks, and Enter stays."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.press("f10")
        await console.dialog("Leave with unsaved changes?")
        await console.press("enter")
        await console.until(lambda: console.app.screen is console.app.main)
        assert console.app.return_value is None


async def test_the_palette_has_permitted_commands_only(agent: ScriptedAgent) -> None:
    """^P finds commands and screens, and none of Textual's own (screenshot, theme, quit)."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.press("ctrl+p")
        await console.until(lambda: isinstance(console.app.screen, Palette))
        palette = console.app.screen
        assert isinstance(palette, Palette)
        actions = {action for _, action in palette.found()}
        assert actions == {key.action for key in KEYS} - {"send"} | {
            f"open('{entry.name}')" for entry in entries()
        }
        await console.type("proxy")
        await console.press("enter")
        await console.until(lambda: console.app.focused is console.field("proxy.enabled"))


async def test_every_page_has_its_help(agent: ScriptedAgent) -> None:
    """F1 shows words for every screen, and scrolls to their end."""
    async with console_of(agent.connect) as console:
        for entry in entries():
            await console.open(entry.name)
            assert len(help_text(entry.load().HELP)) > 200
            await console.press("f1")
            await console.until(lambda: isinstance(console.app.screen, HelpScreen))
            await console.press("end", "home", "pagedown", "f1")
            await console.until(lambda: console.app.screen is console.app.main)


def test_an_entry_that_leads_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt module would otherwise be a page that is missing, without a word."""
    from screens.desk import menu

    monkeypatch.setattr(menu, "ENTRIES", (*menu.ENTRIES, menu.Entry("X", "X", "x", "screens.no_such", "X")))
    with pytest.raises(ModuleNotFoundError, match=r"leads 'X' to screens\.no_such"):
        menu.entries()


def test_each_entry_leads_to_its_page() -> None:
    """Module and class are named as they are."""
    assert all(entry.load().__name__ == entry.page for entry in entries())


async def test_textual_gives_away_nothing(agent: ScriptedAgent) -> None:
    """No file, no link, no suspended program, no clipboard, whatever calls for it."""
    async with console_of(agent.connect) as console:
        app = console.app
        app.copy_to_clipboard("geheim")
        app.open_url("https://example.com")
        app.deliver_text("x")
        app.deliver_binary("x")
        app.action_suspend_process()
        assert app.save_screenshot() == ""
        assert list(app.get_system_commands(app.screen)) == []
        assert app.clipboard == ""


async def test_a_small_redraw_key_changes_nothing(agent: ScriptedAgent) -> None:
    """^L paints the same screen again."""
    async with console_of(agent.connect) as console:
        await console.sees("CONNECTED")
        before = console.rows()
        await console.press("ctrl+l")
        assert console.rows() == before


async def test_a_question_keeps_its_keys(agent: ScriptedAgent) -> None:
    """News from the agent under an open question leave the footer with the question's keys."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.press("escape")
        await console.dialog("Discard")
        await console.sees("Arrow keys choose")
        agent.statuses.put_nowait(status(ServerState.CONNECTING))
        await console.sees("TMSP  CONNECTING")
        assert "Arrow keys choose" in console.rows()[-1]


def test_each_page_leads_on() -> None:
    """The help of each page ends with pages that are there, and the menu's names are those of the titles."""
    names = {entry.name for entry in ENTRIES}
    for entry in ENTRIES:
        assert 1 <= len(entry.see_also) <= 9, entry.name
        assert set(entry.see_also) <= names - {entry.name}
        words = {word for word in entry.name.lower().split() if word != "tmsp"}
        assert all(word in entry.title.lower() for word in words), entry.title
    assert {name for entry in ENTRIES for name in entry.see_also} >= names - {"Sessions", "About"}


async def test_help_leads_to_the_next_page(agent: ScriptedAgent) -> None:
    """From the portal's form to the proxy and back, to cases and patterns, by F1 and a number."""
    places = (
        "1  Services > Proxy Settings",
        "1  Services > Threat Management Services Portal",
        "4  Services > Pattern Deployment and Custom Cleanup",
        "1  Services > Submit a Case",
    )
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        for place in places:
            await console.press("f1")
            await console.until(lambda: isinstance(console.app.screen, HelpScreen))
            await console.press("end")
            await console.sees(place)
            await console.press("9", place[0])
            await console.until(lambda: console.app.screen is console.app.main)
            await console.sees(place[3:])
