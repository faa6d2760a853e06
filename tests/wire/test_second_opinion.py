"""Emulators that are used for real agree: what differences built up is what a full repaint shows."""

import os
import select
import subprocess
import sys
import time

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


class Tmux:
    """A tmux server of its own, with one window of 80x24, and a pipe that hears of each change."""

    def __init__(self, folder, command, environ):
        self.base = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        settings = [f"{key}={value}" for key, value in environ.items()]
        line = " ".join(["exec", "env", *settings, *command])
        self.run("new-session", "-d", "-x", "80", "-y", "24", line, ";", "set", "-g", "status", "off")
        self.run("resize-window", "-x", "80", "-y", "24")
        os.mkfifo(folder / "written")
        self.written = os.open(folder / "written", os.O_RDWR | os.O_NONBLOCK)
        self.run("pipe-pane", f"exec cat > {folder / 'written'}")

    def run(self, *words):
        done = subprocess.run([*self.base, *words], capture_output=True, text=True, check=False, cwd=ROOT)
        return done.stdout

    def shown(self):
        return self.run("capture-pane", "-p", "-e")

    def changed(self, limit):
        """Whether the window's program wrote anything within `limit` seconds."""
        return bool(select.select([self.written], [], [], limit)[0] and os.read(self.written, 65536))

    def until(self, held, limit=20.0):
        end = time.monotonic() + limit
        while not held(self.shown()):
            assert time.monotonic() < end, self.shown()
            self.changed(1.0)

    def settled(self):
        """The screen once nothing was written for a while."""
        while self.changed(0.4):
            pass
        return self.shown()

    def close(self):
        self.run("kill-server")
        os.close(self.written)


def cells(shown):
    """What can be seen of a captured screen: a blank's foreground cannot."""
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(shown.rstrip("\n").replace("\n", "\r\n"))
    return pyte_cells(screen)


CONSOLE_STORY = [
    *["Down", "Enter", "Down", "Down", "a", "b", "BSpace", "Tab", "F1", "PageDown", "Escape", "F3", "Escape"],
    *["Tab", "Enter", "Down", "Down", "Down", "Enter", "/", "x", "F4", "Down", "Down", "C-p", "Escape"],
]


@pytest.mark.parametrize("term", ["vt100", "linux", "screen", "xterm-256color"])
def test_tmux_shows_the_console_as_a_full_repaint_does(term, tmp_path):
    """Forms, help, test, question, Activity, palette: what was built up is the very screen that ^L paints."""
    environ = {"TERM": term, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    tmux = Tmux(tmp_path, [sys.executable, "-m", "tests.wire.real", "ours"], environ)
    try:
        tmux.until(lambda shown: "beat 12 s ago" in shown)
        for key in CONSOLE_STORY:
            tmux.run("send-keys", key)
            tmux.settled()
        tmux.until(lambda shown: "F1 Help" in shown)
        built_up = tmux.settled()
        tmux.run("send-keys", "C-l")
        assert cells(tmux.settled()) == cells(built_up)
        assert "About" in built_up
    finally:
        tmux.close()


@pytest.mark.parametrize("term", ["vt100", "linux", "screen", "xterm-256color"])
def test_tmux_shows_the_same_after_a_full_repaint(term, tmp_path):
    """A story of keys leaves the very screen in tmux that ^L then paints anew."""
    environ = {"TERM": term, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "TEXTUAL_THEME": "ansi-dark"}
    tmux = Tmux(tmp_path, [sys.executable, "-m", "tests.wire.sample", "ours"], environ)
    try:
        tmux.until(lambda shown: "CONNECTED" in shown)
        for key in STORY:
            tmux.run("send-keys", key)
            built_up = tmux.settled()
        tmux.run("send-keys", "C-l")
        assert cells(tmux.settled()) == cells(built_up)
        assert "Threat Mitigator" in built_up
    finally:
        tmux.close()
