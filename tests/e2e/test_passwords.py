"""Passwords on the form of a real terminal: kept exactly as typed or pasted, or refused at the field."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.lab import COMMAND, short_folder
from e2e.terminal import Terminal

UTF8 = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
VT100 = {"TERM": "vt100", "LANG": "C.UTF-8"}
ASCII = {"TERM": "xterm", "LANG": "C"}
PASSWORD = "pä€ßword1"


@contextmanager
def at_password(folder: Path, line: dict[str, str]) -> Iterator[Terminal]:
    """The console with an agent of its own, the cursor in the password of TMSP."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TM_", "LC_", "TEXTUAL"))
    }
    environ = {**kept, "TM_TUI_HOME": str(folder / "h"), **line}
    with Terminal((COMMAND,), environ) as terminal:
        terminal.wait_for("TMSP  DISABLED")
        terminal.go_down_to("TMSP")
        terminal.send("Enter")
        terminal.wait_for("[ Test F3 ]")
        terminal.tab_to("Password")
        yield terminal


def pasted(text: str) -> bytes:
    """As a terminal sends a paste."""
    return b"\x1b[200~" + text.encode() + b"\x1b[201~"


REFUSED = {
    "a vt100": (VT100, {PASSWORD.encode(): "ASCII"}),
    "LANG=C": (
        ASCII,
        {
            PASSWORD.encode(): "ASCII",
            pasted(PASSWORD): "ASCII",
            "päßword1".encode("latin-1"): "ASCII",
        },
    ),
    "UTF-8": (
        UTF8,
        {
            "päßword1".encode("latin-1"): "U+FFFD",
            b"password\xe2\x82": "U+FFFD",
            "pass\u00a0word".encode(): "U+00A0",
            pasted("password\u00a0"): "U+00A0",
            "pass\u200bword".encode(): "U+200B",
            pasted("pass\u200bword"): "U+200B",
            pasted("\ufeffpassword"): "U+FEFF",
            pasted("pass\x07word"): "U+FFFD",
            pasted("p" * 2000): "1024",
        },
    ),
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_kept_is_refused_at_the_field(line: str) -> None:
    """Nothing of a password vanishes on its way: save and test go to the field, which says what is wrong."""
    environ, cases = REFUSED[line]
    with short_folder() as folder, at_password(folder, environ) as terminal:
        for typed, words in cases.items():
            terminal.send(typed)
            terminal.wait_for("****")
            for key, told in (("F2", "Not saved: correct Password"), ("F3", "Not tested: correct Password")):
                terminal.send(key)
                terminal.wait_for(told)
                terminal.wait_for(words)
            terminal.send("\x15")
            terminal.wait_for(lambda text: "****" not in text)
        assert not (folder / "h" / "config" / "current").exists()


TAKEN = {
    "a vt100": (VT100, {b"p%/#:@~word1": "p%/#:@~word1"}),
    "LANG=C": (ASCII, {"pä".encode() + b"\x7fword1": "pword1"}),
    "UTF-8": (
        UTF8,
        {
            PASSWORD.encode(): PASSWORD,
            pasted("€" + PASSWORD): "€" + PASSWORD,
            pasted("password1\r\n"): "password1",
            b" pass word ": " pass word ",
            "pä€".encode() + b"\x08word1": "päword1",
        },
    ),
}


@pytest.mark.parametrize("line", TAKEN)
def test_what_is_taken_is_kept_to_the_letter(line: str) -> None:
    """A password that can be taken is saved exactly as it was typed or pasted."""
    environ, cases = TAKEN[line]
    with short_folder() as folder, at_password(folder, environ) as terminal:
        for number, (typed, meant) in enumerate(cases.items(), 1):
            terminal.send(typed)
            terminal.wait_for("*****")
            terminal.send("F2")
            terminal.wait_for(f"Saved as revision {number}")
            text = (folder / "h" / "config" / "current" / "secrets.json").read_text(encoding="utf-8")
            assert json.loads(text) == {"tmsp": meant}
