"""What the console loads, and when: counted by modules, for seconds and megabytes follow from them."""

import subprocess
import sys

from screens.menu import ENTRIES


def loaded_after(*statements: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after the statements."""
    names = "{name.partition('.')[0] for name, module in sys.modules.items() if module is not None}"
    code = ";".join([*statements, f"import sys; print(*{names})"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_first_picture_waits_for_nothing() -> None:
    """No toolkit, no command line and no settings are loaded before it: it is the line that is slow."""
    loaded = loaded_after("import screens.__main__, screens.opening, screens.left")
    heavy = {"textual", "rich", "asyncio", "click", "pydantic", "pathlib", "dataclasses", "tm_tui", "logging"}
    assert "fcntl" in loaded
    assert not loaded & heavy


def test_the_live_screen_waits_for_no_agent() -> None:
    """What only an answering agent needs is loaded beside the living screen, not before it."""
    loaded = loaded_after("from screens.lean import lean; lean(); import screens.running")
    assert "textual" in loaded
    assert not loaded & {"pydantic_core", "httpx", "httpcore", "anyio", "click", "email", "_ssl"}


def test_the_console_stays_lean() -> None:
    """With every screen opened and the agent spoken to: no TLS, no SSH, no HTTP library."""
    loaded = loaded_after(
        "from screens.lean import lean; lean(); import screens.running; screens.running._load()",
        "import tm_tui.control.launch",
        *(f"import {entry.module}" for entry in ENTRIES),
        "import screens.help_screen, screens.palette, screens.saving, screens.testing, screens.leaving",
    )
    assert {"textual", "pydantic", "h11"} <= loaded
    assert not loaded & {"_ssl", "_hashlib", "asyncssh", "cryptography", "click"}
    assert not loaded & {"httpx", "httpcore", "anyio", "trio", "http", "email", "zstandard"}


def test_what_is_left_out_cannot_be_used() -> None:
    """Whoever takes one of Textual's own inputs into a screen is told, at once, why it is not there."""
    code = "from screens.lean import lean; lean(); from textual.widgets import Input; Input()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "left out of the console (screens/lean.py)" in done.stderr
