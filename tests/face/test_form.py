"""Forms: typing, checking, moving, discarding."""

import pytest
from textual import events

from face.conftest import console_of
from face.scripted import ScriptedAgent, document, empty_document, status
from screens.desk.start import Start
from screens.widgets.text_field import PasswordField


async def test_the_error_replaces_the_help_and_nothing_jumps(agent: ScriptedAgent) -> None:
    """A wrong value is told on leaving the field, where the help stood; no row moves."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.log_server.host")
        await console.sees("IP address or host name of the log server")
        before = console.rows()
        await console.press("ctrl+u")
        await console.type("bad_name")
        assert "!" not in console.rows()[4], "told before the field was left"
        await console.press("tab")
        await console.press("shift+tab")
        await console.sees("Each part of a name has 1 to 63 letters")
        after = console.rows()
        assert [row[21:36] for row in before[2:12]] == [row[21:36] for row in after[2:12]]
        await console.press("ctrl+u")
        await console.type("good.example.com")
        await console.sees("IP address or host name of the log server")


async def test_keys_typed_fast_land_in_their_fields(agent: ScriptedAgent) -> None:
    """Type-ahead on a slow line: each key works on the field that had the focus by then."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.log_server.host")
        app = console.app
        for key in ["ctrl+u", "a", *["tab"] * 5, "right", "tab", "7", "tab", "left"]:
            character = key if len(key) == 1 else None
            app.post_message(events.Key(key, character))
        await console.until(lambda: console.field("tmsp.log_server.interval").value == "30m")
        assert console.field("tmsp.log_server.host").value == "a"
        assert console.field("tmsp.log_server.protocol").value == "ssl"
        assert console.field("tmsp.log_server.port").value == "7"


async def test_a_number_is_typed_over_and_never_longer_than_can_be_right(agent: ScriptedAgent) -> None:
    """Digits alone; the first one after arriving replaces the value; each number shows whole."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        field = await console.go("tmsp.status_server.port")
        await console.press("4", "5", "8", "0", "9")
        assert field.value == "45809"
        await console.sees("Status port    >45809_ ")
        await console.press("1")
        await console.sees("room for 5 digits only")
        await console.press("x")
        await console.sees("only digits belong here")
        assert field.value == "45809"
        await console.press("backspace", "8")
        assert field.value == "45808"
        await console.press("tab", "shift+tab", "end", "backspace", "7")
        assert field.value == "45807", "who moves first changes it"
        await console.press("tab", "shift+tab", "8")
        assert field.value == "8"


async def test_a_field_that_is_cut_says_so(agent: ScriptedAgent) -> None:
    """`<` and `>` stand where text is left out, whether the cursor is there or not."""
    name = "portal-with-a-name-of-many-parts.security.example.com"
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.log_server.host")
        await console.press("ctrl+u")
        await console.type(name)
        await console.sees("Log server     ><")
        await console.press("home")
        await console.sees("Log server     >portal-with")
        await console.sees("securi>")
        await console.press("end", "tab")
        await console.sees("Log server      portal-with")


async def test_the_cursor_starts_in_the_first_field(agent: ScriptedAgent) -> None:
    """A form can be typed into as soon as it is open, and Enter moves on."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        assert console.app.focused is console.field("tmsp.enabled")
        await console.press("enter")
        assert console.app.focused is console.field("tmsp.edition")
        await console.press("up", "up")
        await console.sees("[ Discard Esc ]")
        assert console.app.focused is not None
        assert "Discard" in str(console.app.focused.render())


async def test_escape_asks_before_it_throws_away(agent: ScriptedAgent) -> None:
    """Esc on a changed form asks; keeping keeps, discarding discards, and an unchanged form just closes."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.sees("1 changed")
        await console.press("escape")
        await console.dialog("User name")
        await console.press("enter")
        await console.until(lambda: console.app.screen is console.app.main)
        assert console.field("tmsp.username").value == "tm01-registerx"
        await console.press("escape")
        await console.dialog("Discard")
        await console.press("right", "enter")
        await console.until(lambda: console.app.main.draft and not console.app.main.draft.changed())
        assert console.field("tmsp.username").value == "tm01-register"
        await console.open("TMSP")
        await console.press("escape")
        await console.sees("credentials, intervals.")


async def test_the_menu_key_keeps_what_was_typed(agent: ScriptedAgent) -> None:
    """F4 goes to the menu without a question; the entry is marked and the form is as it was left."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.username")
        await console.type("x")
        await console.press("f4")
        await console.sees("TMSP           ~")
        await console.sees("~User name       tm01-registerx")
        await console.press("enter")
        await console.until(lambda: console.app.focused is console.field("tmsp.enabled"))
        assert console.field("tmsp.username").value == "tm01-registerx"


async def test_a_password_is_never_on_the_screen(agent: ScriptedAgent) -> None:
    """The saved one is never sent here, the typed one is stars, and it cannot be copied or cut out."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        field = await console.go("tmsp.password")
        assert isinstance(field, PasswordField)
        await console.sees("******** (unchanged)")
        assert field.secret is None
        console.app.post_message(events.Paste("geheim/#%:@\nsecond line"))
        await console.until(lambda: field.secret is not None)
        assert field.secret is not None
        assert field.secret.get_secret_value() == "geheim/#%:@"
        await console.press("ctrl+c", "ctrl+insert")
        assert console.app.clipboard == ""
        assert "geheim" not in console.screen_text()
        await console.press("ctrl+u")
        assert field.secret is None


async def test_a_saved_password_can_be_removed_and_kept_again(agent: ScriptedAgent) -> None:
    """Delete in the empty password field says that the saved one will go; Backspace takes that back."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.password")
        await console.press("delete")
        await console.sees("(will be removed)")
        assert console.app.main.draft is not None
        assert "tmsp.password" in console.app.main.draft.problems()
        await console.press("backspace")
        await console.sees("(unchanged)")


async def test_the_port_follows_on_the_form(agent: ScriptedAgent) -> None:
    """Choosing SSL shows port 443 at once."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.log_server.protocol")
        await console.press("right")
        await console.until(lambda: console.field("tmsp.log_server.port").value == "443")


async def test_a_reader_sees_and_cannot_change() -> None:
    """With the role read the forms show, take no key, and offer neither Test nor Save."""
    reader = ScriptedAgent(role="read")
    reader.statuses.put_nowait(status())
    async with console_of(reader.connect) as console:
        await console.open("TMSP")
        await console.sees("may only look")
        await console.go("tmsp.username")
        await console.type("x")
        await console.press("up", "right", "f2", "f3")
        assert console.app.main.draft is not None
        assert console.app.main.draft.changed() == ()
        assert reader.requests == []
        text = console.screen_text()
        assert "Save" not in text
        assert "F3" not in text


async def test_a_filled_in_form_is_not_saved(agent: ScriptedAgent) -> None:
    """The demo's values stand on the form as typed ones: marked, unsaved, ready to test."""
    fresh = ScriptedAgent(empty_document())
    fresh.statuses.put_nowait(status(revision=0))
    start = Start.filled({"tmsp.enabled": True, "tmsp.username": "demo"})
    async with console_of(fresh.connect, start=start) as console:
        await console.sees("2 changed")
        await console.sees("nothing is saved yet")
        assert console.field("tmsp.username").value == "demo"
        assert fresh.document.revision == 0


async def test_hostile_text_is_shown_not_obeyed(agent: ScriptedAgent) -> None:
    """Markup in a saved value or an alert is text, and control characters never reach the screen."""
    agent.document = document(username="[@click=app.exit]x[/]")
    agent.statuses.put_nowait(status(alerts=("[red]\x1b]52;c;aGk=\x07alert[/]",)))
    async with console_of(agent.connect) as console:
        await console.sees("[red]")
        assert "\x1b" not in console.screen_text()
        await console.open("TMSP")
        await console.sees("[@click=app.exit]x[/]")
        field = await console.go("tmsp.email")
        console.app.post_message(events.Paste("a\x1b[2Jb"))
        await console.until(lambda: field.value != "ops@example.com")
        assert "\x1b" not in console.screen_text()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_whole_form_fits(agent: ScriptedAgent, size: tuple[int, int]) -> None:
    """No field and no button needs scrolling, with the test pane open too."""
    async with console_of(agent.connect, size=size) as console:
        await console.open("TMSP")
        await console.press("f3")
        await console.sees("Test passed")
        for words in ("Send logs and data", "E-mail", "KB/s", "[ Test F3 ]", "TMSP  CONNECTED", "LOGS  "):
            assert words in console.screen_text()


async def test_another_server_asks_for_the_password_at_once(agent: ScriptedAgent) -> None:
    """The moment the host differs, the password field says that it is to be typed again; typing is enough."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        field = await console.go("tmsp.status_server.host")
        await console.sees("******** (unchanged)")
        await console.type("x")
        await console.sees("!Password        (to be typed again)")
        await console.press("backspace")
        await console.sees("******** (unchanged)")
        assert console.field("tmsp.password").problem is None
        await console.type("x")
        for key in ("f3", "f2"):
            console.app.main.set_focus(field)
            await console.press(key)
            await console.until(lambda: console.app.focused is console.field("tmsp.password"))
            await console.sees("It was typed for another status server.")
            assert agent.requests == []
        await console.type("again")
        await console.press("f3")
        await console.sees("Test passed")
        await console.press("f2")
        await console.sees("Saved as revision 18")
        secrets = [request.secrets.tmsp for request in agent.requests]
        assert [secret and secret.get_secret_value() for secret in secrets] == ["again", "again"]


async def test_another_way_asks_for_the_password_of_tmsp(agent: ScriptedAgent) -> None:
    """A proxy of somebody's own on the Proxy form: save and test open the TMSP form at the password."""
    async with console_of(agent.connect) as console:
        for key in ("f2", "f3"):
            await console.open("Proxy Settings")
            if key == "f2":
                await console.press("space")
                await console.go("proxy.host")
                await console.type("192.0.2.9")
            await console.press(key)
            await console.until(lambda: console.app.focused.spec.key == "tmsp.password")  # type: ignore[union-attr]
            await console.sees("It was typed for another proxy.")
        assert agent.requests == []


async def test_the_address_is_explained_by_the_edition(agent: ScriptedAgent) -> None:
    """Who runs a portal of his own reads that it takes an IP address, and where it is told."""
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.go("tmsp.edition")
        await console.press("right")
        await console.go("tmsp.status_server.host")
        await console.until(lambda: "Administrator's Guide" in " ".join(console.screen_text().split()))


@pytest.mark.parametrize(("size", "shown"), [((80, 24), False), ((120, 40), True), ((200, 60), True)])
async def test_a_large_terminal_shows_the_help_of_the_form(
    agent: ScriptedAgent, size: tuple[int, int], shown: bool
) -> None:
    """Where rows are free, what F1 tells stands below the fields; a test takes that room back."""
    async with console_of(agent.connect, size=size) as console:
        await console.open("TMSP")
        await console.sees("[ Save F2 ]")
        await console.rested()
        assert ("TMSP is whom this appliance asks" in console.screen_text()) == shown
        await console.press("f3")
        await console.sees("Test passed")
        await console.until(lambda: "TMSP is whom" not in console.screen_text() or size[1] >= 60)
