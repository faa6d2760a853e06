"""What the console loads, and when; and that the libraries work as their documents say."""

import subprocess
import sys

from screens.desk.menu import ENTRIES

EVERYTHING = (
    "import screens.launch.running, tm_tui.api.launch, tm_tui.api.transport",
    *(f"import {entry.module}" for entry in ENTRIES),
    "import screens.pages.help_screen, screens.shell.palette",
    "import screens.flows.saving, screens.flows.testing, screens.flows.leaving",
)


def said_after(*statements: str) -> str:
    """What a fresh interpreter prints."""
    code = ";".join(statements)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after(*statements: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after the statements."""
    words = said_after(*statements, "import sys; print(*sys.modules)").split()
    return {name.partition(".")[0] for name in words}


def test_the_first_picture_waits_for_nothing() -> None:
    """No toolkit, no command line and no settings are loaded before it: it is the line that is slow."""
    loaded = loaded_after("import screens.__main__, screens.launch.opening, screens.desk.left")
    heavy = {"textual", "rich", "asyncio", "click", "pydantic", "pathlib", "dataclasses", "tm_tui", "logging"}
    assert "fcntl" in loaded
    assert not loaded & heavy


def test_the_live_screen_waits_for_no_agent() -> None:
    """What only an answering agent needs is loaded once the screen lives, not before it."""
    loaded = loaded_after("import screens.launch.running")
    assert "textual" in loaded
    assert not loaded & {"pydantic_core", "h11", "httpx", "httpcore", "anyio", "click", "email"}


def test_the_console_stays_lean() -> None:
    """With every screen opened and the agent spoken to: no SSH, no HTTP library, no command line."""
    loaded = loaded_after(*EVERYTHING)
    assert {"textual", "pydantic", "h11"} <= loaded
    assert not loaded & {"asyncssh", "cryptography", "click"}
    assert not loaded & {"httpx", "httpcore", "anyio", "trio", "http", "zstandard", "idna"}


def test_what_textual_needs_is_there_for_a_page_that_uses_it() -> None:
    """Textual's own notice, its own input, and its guess at a misspelt style work as its documents say."""
    code = """
import asyncio, io, screens.launch.running
from rich.console import Console
from textual.app import App
from textual.widgets import Input
class Page(App):
    def compose(self):
        yield Input("typed")
async def main():
    app = Page()
    async with app.run_test() as pilot:
        app.notify("a notice of Textual's own")
        await pilot.pause()
        print(app.query_one(Input).value)
        try:
            app.stylesheet.add_source("Input { colr: red; }")
            app.stylesheet.parse()
        except Exception as error:
            said = io.StringIO()
            Console(file=said).print(error.errors)
            print(type(error).__name__, "colr" in said.getvalue(), "'color'" in said.getvalue())
asyncio.run(main())
"""
    assert said_after(f"exec({code!r})").splitlines() == ["typed", "StylesheetParseError True True"]


def test_the_users_own_folders_are_found() -> None:
    """Without TM_TUI_HOME the console looks where the agent looks."""
    code = (
        "import os; os.environ.pop('TM_TUI_HOME', None); import screens.launch.opening as o; seen = [];"
        "from contextlib import nullcontext; o.painted = nullcontext; import screens.launch.running as r;"
        "r.run = lambda home, **_: (seen.append(home), (0, None))[1];"
        "o.open_console(None, locked=True); from tm_tui.paths import Home; print(seen == [Home.find()])"
    )
    assert said_after(code) == "True\n"
