"""What the console loads, and when: counted by modules, for seconds and megabytes follow from them."""

import subprocess
import sys

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.cache import FIFOCache, LRUCache
from textual.strip import Strip

from screens.forgetful import forget_pieces
from screens.lean import LEFT_OUT
from screens.menu import ENTRIES

EVERYTHING = (
    "from screens.lean import lean; lean(); import screens.running; screens.running._load()",
    "import tm_tui.control.launch",
    *(f"import {entry.module}" for entry in ENTRIES),
    "import screens.help_screen, screens.palette, screens.saving, screens.testing, screens.leaving",
)


def modules_after(*statements: str) -> set[str]:
    """The modules that a fresh interpreter holds after the statements, without those that are only named."""
    real = "(name for name, one in sys.modules.items() if type(one).__name__ not in ('NoneType', '_Named'))"
    code = ";".join([*statements, f"import sys; print(*{real})"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def loaded_after(*statements: str) -> set[str]:
    """The top-level packages among them."""
    return {name.partition(".")[0] for name in modules_after(*statements)}


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
    loaded = loaded_after(*EVERYTHING)
    assert {"textual", "pydantic", "h11"} <= loaded
    assert not loaded & {"_ssl", "_hashlib", "asyncssh", "cryptography", "click"}
    assert not loaded & {"httpx", "httpcore", "anyio", "trio", "http", "email", "zstandard"}


def test_what_is_left_out_is_not_missed() -> None:
    """No page, nor what a page is made with, brings back what is left out or what only that would load."""
    loaded = modules_after(*EVERYTHING)
    assert not loaded & {*LEFT_OUT, "sysconfig", "tempfile", "shutil", "bz2", "lzma", "idna"}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_exists(name: str) -> None:
    """A library that gave one of them another name would load it again, and nobody would see it."""
    assert name in modules_after(f"import {name}")


def test_the_users_own_folders_are_found() -> None:
    """Without TM_TUI_HOME the console looks where the agent looks, also with what it leaves out."""
    code = (
        "import os; os.environ.pop('TM_TUI_HOME', None); import screens.opening as o; seen = [];"
        "from contextlib import nullcontext; o.painted = nullcontext; import screens.running as r;"
        "r.run = lambda home, **_: (seen.append(home), (0, None))[1];"
        "o.open_console(None, locked=True); from tm_tui.paths import Home; print(seen == [Home.find()])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr


def test_lines_keep_no_pieces() -> None:
    """Cut again, a line is cut the same way, and keeps none of its pieces: 5 MB of the console."""
    forget_pieces()
    line = Strip([Segment("one line "), Segment("of two", Style(bold=True))])
    cut = [line.divide([4, 15]), [line.crop(4, 12)], [line.adjust_cell_length(20)]]
    assert [["".join(piece.text for piece in pieces)] for pieces in cut] == [
        ["one line of two"],
        ["line of "],
        ["one line of two     "],
    ]
    assert cut == [line.divide([4, 15]), [line.crop(4, 12)], [line.adjust_cell_length(20)]]
    kept = [getattr(line, name) for name in Strip.__slots__ if name.endswith("_cache")]
    assert len(kept) >= 7
    assert not any(isinstance(cache, FIFOCache | LRUCache | dict) for cache in kept)


def test_what_is_left_out_cannot_be_used() -> None:
    """Whoever takes one of Textual's own inputs into a screen is told, at once, why it is not there."""
    code = "from screens.lean import lean; lean(); from textual.widgets import Input; Input()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "left out of the console (screens/lean.py)" in done.stderr
