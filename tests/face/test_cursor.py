"""The terminal's own cursor stands where the next key goes."""

from textual.geometry import Offset

from face.conftest import console_of
from face.scripted import ScriptedAgent
from screens.shell.menu_tree import MenuTree
from screens.widgets.dialog import Choice


def place(widget: object) -> Offset:
    """What the widget tells the driver."""
    offset = getattr(widget, "terminal_cursor", None)
    assert isinstance(offset, Offset)
    return offset


async def test_the_cursor_is_where_the_next_key_goes(agent: ScriptedAgent) -> None:
    """Behind the typed text, on the x of a switch, on the star of a choice, on the row of the menu."""
    async with console_of(agent.connect) as console:
        await console.sees("CONNECTED")
        await console.press("down")
        menu = console.app.main.query_one(MenuTree)
        assert console.rows()[place(menu).y].startswith(">  TMSP")
        await console.open("TMSP")
        await console.go("tmsp.enabled")
        rows = console.rows()
        at = place(console.app.focused)
        assert rows[at.y][at.x] == "x"
        field = await console.go("tmsp.edition")
        at = place(field)
        assert console.rows()[at.y][at.x] == "*"
        field = await console.go("tmsp.log_server.host")
        at = place(field)
        assert console.rows()[at.y][: at.x].endswith("logs.example.com")
        await console.press("home")
        at = place(field)
        assert console.rows()[at.y][at.x :].startswith("logs.example.com")
        field = await console.go("tmsp.log_server.port")
        at = place(field)
        assert console.rows()[at.y][: at.x].endswith("Log port>22")
        await console.press("1", "escape")
        await console.dialog("Discard")
        at = place(console.app.focused)
        assert isinstance(console.app.focused, Choice)
        assert console.rows()[at.y][at.x :].startswith("Keep editing")
