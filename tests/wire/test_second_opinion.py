"""Emulators that are used for real agree: what differences built up is what a full repaint shows."""

import contextlib
import os
import select
import subprocess
import sys
import time
from typing import ClassVar

import pyte
import pytest

from tests.wire.ptys import ROOT
from tests.wire.screens_of import pyte_cells

STORY = [
    "Down",
    "Down",
    "Enter",
    "Tab",
    "a",
    "b",
    "BSpace",
    "Tab",
    "c",
    "BTab",
    "BTab",
    "Up",
    "Enter",
    "Down",
    "Enter",
]


class Window:
    """A window of 80x24 in a terminal multiplexer of its own, and a pipe that hears of each change."""

    def __init__(self, folder, command, environ):
        self.folder = folder
        settings = [f"{key}={value}" for key, value in environ.items()]
        self.command = ["env", *settings, *command]
        self.written = fifo(folder / "written")

    def changed(self, limit):
        """Whether the window's program wrote anything within `limit` seconds."""
        return heard(self.written, limit)

    def until(self, held, limit=20.0):
        end = time.monotonic() + limit
        while not held(self.shown()):
            assert time.monotonic() < end, self.shown()
            self.changed(1.0)

    def answered(self):
        """Wait for what a key makes the program write, if it does."""
        quiet = 0.4
        while self.changed(quiet):
            quiet = 0.1

    def settled(self):
        """The screen once nothing was written for a while."""
        while self.changed(0.4):
            pass
        return self.shown()

    def close(self):
        os.close(self.written)


class Tmux(Window):
    """tmux."""

    def __init__(self, folder, command, environ):
        super().__init__(folder, command, environ)
        self.base = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        line = " ".join(["exec", *self.command])
        self.run("new-session", "-d", "-x", "80", "-y", "24", line, ";", "set", "-g", "status", "off")
        self.run("resize-window", "-x", "80", "-y", "24")
        self.run("pipe-pane", f"exec cat > {folder / 'written'}")

    def run(self, *words):
        done = subprocess.run([*self.base, *words], capture_output=True, text=True, check=False, cwd=ROOT)
        return done.stdout

    def press(self, key):
        self.run("send-keys", key)

    def shown(self):
        return self.run("capture-pane", "-p", "-e")

    def close(self):
        self.run("kill-server")
        super().close()


class GnuScreen(Window):
    """GNU screen, whose copies tell no attributes, and of a sign the lower eight bits."""

    KEYS: ClassVar = {
        "Down": r"\033[B",
        "Up": r"\033[A",
        "Enter": r"\015",
        "Tab": r"\011",
        "BTab": r"\033[Z",
        "BSpace": r"\177",
        "PageDown": r"\033[6~",
        "Escape": r"\033",
        "F1": r"\033OP",
        "F3": r"\033OR",
        "F4": r"\033OS",
        "C-p": r"\020",
        "C-l": r"\014",
    }

    def __init__(self, folder, command, environ):
        super().__init__(folder, command, environ)
        (folder / "sockets").mkdir(mode=0o700)
        self.copied = fifo(folder / "copied")
        settings = f"startup_message off\ndeflog on\nlogfile {folder / 'written'}\nlogfile flush 0\n"
        (folder / "screenrc").write_text(settings)
        self.run("-c", str(folder / "screenrc"), "-d", "-m", *self.command)
        assert self.changed(20.0), "nothing was written: only then is there a session to talk to"

    def run(self, *words):
        environ = {**os.environ, "SCREENDIR": str(self.folder / "sockets"), "LANG": "C.UTF-8"}
        subprocess.run(["screen", "-U", "-S", "trial", *words], env=environ, check=True, cwd=ROOT)

    def press(self, key):
        self.run("-p", "0", "-X", "stuff", self.KEYS.get(key, key))

    def shown(self):
        self.run("-p", "0", "-X", "hardcopy", str(self.folder / "copied"))
        copied = b""
        while copied.count(b"\n") < 24:
            assert select.select([self.copied], [], [], 10)[0], copied
            copied += os.read(self.copied, 65536)
        return copied.decode("latin-1")

    def close(self):
        self.run("-X", "quit")
        os.close(self.copied)
        super().close()


def fifo(path):
    os.mkfifo(path)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def heard(end, limit):
    return bool(select.select([end], [], [], limit)[0] and os.read(end, 65536))


def cells(shown):
    """What can be seen of a captured screen: a blank's foreground cannot."""
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(shown.rstrip("\n").replace("\n", "\r\n"))
    return pyte_cells(screen)


@pytest.fixture
def window(request, tmp_path):
    """A way to open a window in one of them."""
    with contextlib.ExitStack() as opened:

        def open_one(term, module, **more):
            environ = {"TERM": term, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), **more}
            made = request.param(tmp_path, [sys.executable, "-m", module, "ours"], environ)
            opened.callback(made.close)
            return made

        yield open_one


IN_EACH = pytest.mark.parametrize("window", [Tmux, GnuScreen], indirect=True, ids=["tmux", "screen"])


CONSOLE_STORY = [
    *["Down", "Enter", "Down", "Down", "a", "b", "BSpace", "Tab", "F1", "PageDown", "Escape", "F3", "Escape"],
    *["Tab", "Enter", "Down", "Down", "Down", "Enter", "/", "x", "F4", "Down", "Down", "C-p", "Escape"],
]


@IN_EACH
@pytest.mark.parametrize("term", ["vt100", "linux", "screen", "xterm-256color"])
def test_it_shows_the_console_as_a_full_repaint_does(term, window):
    """Forms, help, test, question, Activity, palette: what was built up is the very screen that ^L paints."""
    opened = window(term, "tests.wire.real")
    opened.until(lambda shown: "beat 12 s ago" in shown)
    for key in CONSOLE_STORY:
        opened.press(key)
        opened.answered()
    opened.until(lambda shown: "F1 Help" in shown)
    built_up = opened.settled()
    opened.press("C-l")
    assert cells(opened.settled()) == cells(built_up)
    assert "About" in built_up


@IN_EACH
@pytest.mark.parametrize("term", ["vt100", "linux", "screen", "xterm-256color"])
def test_it_shows_the_same_after_a_full_repaint(term, window):
    """A story of keys leaves the very screen that ^L then paints anew."""
    opened = window(term, "tests.wire.sample", SAMPLE_THEME="ansi-dark")
    opened.until(lambda shown: "CONNECTED" in shown)
    for key in STORY:
        opened.press(key)
        opened.answered()
    built_up = opened.settled()
    opened.press("C-l")
    assert cells(opened.settled()) == cells(built_up)
    assert "Threat Mitigator" in built_up
