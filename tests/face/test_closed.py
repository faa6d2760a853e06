"""What Textual offers and an appliance does not: no file, program, link, clipboard or suspension."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.app import App
from textual.screen import Screen

from e2e.lab import COMMAND, short_folder
from e2e.terminal import Terminal
from face.conftest import console_of
from face.scripted import ScriptedAgent

ACTIONS = sorted(
    {
        name.removeprefix("action_")
        for kind in (App, Screen)
        for name in dir(kind)
        if name.startswith("action_")
    }
)
ARGUMENTS = {
    "add_class": "('#x', 'y')",
    "notify": "('x')",
    "remove_class": "('#x', 'y')",
    "simulate_key": "('l')",
    "toggle_class": "('#x', 'y')",
}
NOT_CALLED = {
    *("quit", "help_quit"),  # leaving is what F10 does too
    *("push_screen", "pop_screen", "switch_screen", "switch_mode", "dismiss"),  # there is one screen, no mode
    *("focus", "toggle"),  # they name a widget or an attribute
}
CALLS = {
    "copy_to_clipboard": ("a password",),
    "deliver_binary": (None,),
    "deliver_screenshot": (),
    "deliver_text": (None,),
    "open_url": ("https://example.com/",),
    "save_screenshot": (),
}


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, home and temporary folder in one; no program may be started meanwhile."""
    for name in ("HOME", "TMPDIR", "XDG_DOWNLOAD_DIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", None)

    def started(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "os.system"}:
            raise AssertionError(f"{event} {arguments}")

    watching = [True]
    sys.addaudithook(started)
    yield tmp_path
    watching.clear()


async def test_no_action_leads_out(watched: Path, agent: ScriptedAgent) -> None:
    """Each action of Textual, called as a link or a binding would: no file, no program, no escape."""
    async with console_of(agent.connect) as console:
        await console.sees("TMSP  CONNECTED")
        for name in [name for name in ACTIONS if name not in NOT_CALLED]:
            for space in ("app", "screen"):
                await console.app.run_action(f"{space}.{name}{ARGUMENTS.get(name, '()')}")
            await console.pilot.pause()
            assert console.app.is_running, name
            assert os.listdir(watched) == [], name  # noqa: PTH208  a short look is no blocking


async def test_no_call_leads_out(watched: Path, agent: ScriptedAgent) -> None:
    """What widgets and links of Textual call does nothing here."""
    async with console_of(agent.connect) as console:
        await console.sees("TMSP  CONNECTED")
        for name, arguments in CALLS.items():
            assert not getattr(console.app, name)(*arguments), name
            assert os.listdir(watched) == [], name  # noqa: PTH208
        assert console.app.clipboard == ""
        with console.app.suspend():
            assert console.app.is_running


def test_no_variable_of_textual_counts() -> None:
    """A console without the launcher is deaf to Textual's variables too, whatever file or key they name."""
    with short_folder() as folder:
        trap = folder / "trap"
        trap.mkdir()
        (trap / "evil.py").write_text(f"open('{trap}/ran', 'w')\n")
        named = {
            "TEXTUAL": "devtools,debug",
            "TEXTUAL_DRIVER": "evil:Driver",
            "TEXTUAL_LOG": f"{trap}/log",
            "TEXTUAL_DEBUG": "1",
            "TEXTUAL_SCREENSHOT": "0",
            "TEXTUAL_SCREENSHOT_LOCATION": str(trap),
            "TEXTUAL_SCREENSHOT_FILENAME": "shot.svg",
            "TEXTUAL_PRESS": "f10",
            "TEXTUAL_ALLOW_SIGNALS": "1",
        }
        environ = {"PATH": os.environ["PATH"], "TERM": "xterm", "TM_TUI_HOME": str(folder / "h"), **named}
        with Terminal((COMMAND,), environ) as terminal:
            terminal.wait_for("Services")
            terminal.wait_for("TMSP  DISABLED")
            terminal.send("\x1a", "\x1c")
            terminal.settle()
            assert terminal.process.poll() is None, "a key of TEXTUAL_PRESS or the terminal ended it"
            terminal.send("F10")
            assert terminal.wait_for_end() == 0
        assert [path.name for path in trap.iterdir()] == ["evil.py"]


def test_a_locked_console_starts_nothing(tmp_path: Path) -> None:
    """With --locked, as the launcher starts it, there is no private agent and nothing comes to the disk."""
    with short_folder() as folder:
        environ = {"PATH": os.environ["PATH"], "TERM": "xterm", "TM_TUI_HOME": str(folder / "h")}
        with Terminal((COMMAND, "console", "--locked"), environ) as terminal:
            terminal.wait_for("AGENT NOT RUNNING")
            pid = terminal.process.pid
            assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""
            terminal.send("F10")
            assert terminal.wait_for_end() == 0
        assert list(folder.iterdir()) == []
        done = subprocess.run(
            (COMMAND, "console", "--locked"), env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "needs a terminal" in done.stderr
        assert "status" not in done.stderr.partition("Error:")[2], (
            "it names commands that this user cannot run"
        )
