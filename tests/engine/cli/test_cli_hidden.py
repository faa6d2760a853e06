"""Hidden prompts on a real terminal: what is typed is saved or refused; the echo always comes back."""

import json
import os
import pty
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from forked import COMMAND, Forked
from screens.desk.forms import keys_of
from tm_tui.cli.hidden import HiddenLine
from tm_tui.errors import SettingsRefused
from tm_tui.settings.model import Secrets

LIMIT = 60.0


class Prompt:
    """A program on a terminal that stays when the program goes, as a shell's does."""

    def __init__(self, *arguments: str, **environ: str) -> None:
        self.master, self.slave = pty.openpty()
        self.shown = b""
        self.process = Forked(
            [COMMAND, *arguments],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**os.environ, **environ},
            start_new_session=True,
        )

    def wait_for(self, words: bytes) -> None:
        """Read until the program wrote these words; they count once."""
        end = time.monotonic() + LIMIT
        while words not in self.shown:
            assert select.select([self.master], [], [], end - time.monotonic())[0], self.shown
            self.shown += os.read(self.master, 4096)
        self.shown = self.shown.partition(words)[2]

    def type(self, typed: bytes) -> None:
        """Type these bytes."""
        os.write(self.master, typed)

    def end(self) -> int:
        """The exit code, once the program has ended; what it wrote is in `shown`."""
        code = self.process.wait(LIMIT)
        while select.select([self.master], [], [], 0)[0]:
            self.shown += os.read(self.master, 4096)
        return code

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, and gives it line by line."""
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO) and bool(
            termios.tcgetattr(self.slave)[3] & termios.ICANON
        )

    def close(self) -> None:
        """End what still runs."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def prompt(shared_agent: None) -> Iterator[Prompt]:
    """`config secret tmsp`, waiting for the password."""
    asked = Prompt("config", "secret", "tmsp")
    try:
        asked.wait_for(b"New password (tmsp): ")
        yield asked
    finally:
        asked.close()


def saved(long_lived: Path) -> str:
    """The password that is saved now, if one is."""
    file = long_lived / "config" / "current" / "secrets.json"
    return str(json.loads(file.read_text(encoding="utf-8"))["tmsp"]) if file.exists() else ""


EDITED = {
    "^?": (b"canarz\x7fy-1", "canary-1"),
    "^H": (b"canarz\x08y-2", "canary-2"),
    "^U": (b"something else\x15canary-3", "canary-3"),
    "^W": (b"canary four\x17-4", "canary -4"),
    "a letter of two bytes": ("canaré".encode() + b"\x7fy-5", "canary-5"),
    "half a letter": ("é".encode()[:1] + b"\x7fcanary-6", "canary-6"),
    "an arrow taken back": (b"canary\x1b[D\x7f-7", "canary-7"),
    "more than there is": (b"\x7f\x7f\x08canary-8", "canary-8"),
    "pasted between marks": (b"\x1b[200~canary-9\x1b[201~", "canary-9"),
    "UTF-8": ("pä€ßword1 canary ".encode(), "pä€ßword1 canary "),
}


@pytest.mark.parametrize("how", EDITED)
def test_a_hidden_line_is_edited_like_a_shown_one(prompt: Prompt, long_lived: Path, how: str) -> None:
    """Both erase keys, ^U and ^W do what they say, whatever the terminal's own erase key is."""
    typed, meant = EDITED[how]
    prompt.type(typed + b"\r")
    assert prompt.end() == 0, prompt.shown
    assert saved(long_lived) == meant
    assert b"canar" not in prompt.shown
    assert prompt.echoes


NAMED = {
    "an arrow": (b"canary\x1b[D-1", b"ESC (U+001B)"),
    "a function key": (b"canary\x1bOP", b"ESC (U+001B)"),
    "Delete": (b"canary\x1b[3~", b"ESC (U+001B)"),
    "the Linux console's F1": (b"canary\x1b[[A", b"ESC (U+001B)"),
    "Alt with a letter": (b"canary\x1bx", b"ESC (U+001B)"),
    "ESC and Enter": (b"canary\x1b", b"ESC (U+001B)"),
    "a terminal's report": (b"canary\x1b]11;rgb:0/0/0\x1b\\", b"ESC (U+001B)"),
    "Tab": (b"canary\t", b"^I (U+0009)"),
    "Latin-1": ("canaryé".encode("latin-1"), b"U+FFFD"),
    "half a letter": ("canary€".encode()[:-1], b"U+FFFD"),
    "a no-break space": ("canary\u00a0x".encode(), b"U+00A0"),
    "a zero-width space": ("canary\u200b".encode(), b"U+200B"),
    "a byte order mark": ("\ufeffcanary".encode(), b"byte order mark"),
}


@pytest.mark.parametrize("how", NAMED)
def test_what_cannot_be_kept_is_refused_by_name(prompt: Prompt, long_lived: Path, how: str) -> None:
    """No key and no stray byte becomes part of a password or vanishes from it: it is refused, and why."""
    before = saved(long_lived)
    typed, named = NAMED[how]
    prompt.type(typed + b"\r")
    assert prompt.end() == 1
    assert named in prompt.shown
    assert b"tmsp.password" in prompt.shown
    assert b"canary" not in prompt.shown
    assert saved(long_lived) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_gives_the_echo_back(prompt: Prompt, number: signal.Signals) -> None:
    """Whoever ends the program at the prompt leaves a terminal that shows what is typed."""
    assert not prompt.echoes
    prompt.process.send_signal(number)
    assert prompt.end() == (130 if number == signal.SIGINT else -number)
    assert prompt.echoes


def test_the_end_of_the_input_gives_the_echo_back(prompt: Prompt) -> None:
    """^D on the empty line gives up: nothing is saved."""
    prompt.type(b"\x04")
    assert prompt.end() == 130
    assert prompt.echoes


def test_what_follows_the_line_stays_for_the_next_program(prompt: Prompt) -> None:
    """What is typed ahead behind the password is the shell's, not ours."""
    prompt.type(b"canary\rls\r")
    assert prompt.end() == 0
    assert select.select([prompt.slave], [], [], LIMIT)[0]
    assert os.read(prompt.slave, 100) == b"ls\n"


SHELL = """
import os, signal, sys, termios
def foreground(group):
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, group)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
pid = os.fork()
if not pid:
    os.setpgid(0, 0)
    foreground(os.getpid())
    os.execv(sys.argv[1], sys.argv[1:])
_, status = os.waitpid(pid, os.WUNTRACED)
foreground(os.getpgrp())
print("stopped", os.WIFSTOPPED(status), "echo", bool(termios.tcgetattr(0)[3] & termios.ECHO), flush=True)
foreground(pid)
os.kill(pid, signal.SIGCONT)
print("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_suspended_it_shows_and_resumed_it_hides(shared_agent: None, long_lived: Path) -> None:
    """^Z at the prompt: the shell's line is shown again; after `fg` the password is not."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = [COMMAND, "config", "secret", "tmsp"]
        os.execv(sys.executable, [sys.executable, "-c", SHELL, *command])  # pragma: no cover  another program
    shown = b""

    def wait_for(words: bytes) -> None:
        nonlocal shown
        while words not in shown:
            assert select.select([terminal], [], [], LIMIT)[0], shown
            shown += os.read(terminal, 4096)

    wait_for(b"(tmsp): ")
    os.write(terminal, b"\x1a")
    wait_for(b"stopped True echo True")
    end = time.monotonic() + LIMIT
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        assert time.monotonic() < end, "it does not hide again"
    os.write(terminal, b"canary-z\r")
    wait_for(b"ended 0")
    os.waitpid(pid, 0)
    os.close(terminal)
    assert saved(long_lived) == "canary-z"
    assert b"cana" not in shown


def test_commands_ask_again_on_a_terminal(agent: object, tm, home: Path) -> None:
    """Somebody who sits there is asked for the password when another server would get it, and it is done."""
    tm("config", "set", "tmsp.log_server.host", "192.0.2.1", "tmsp.username", "u")
    tm("config", "secret", "tmsp", stdin=b"canary\n")
    file = home.parent / "settings.toml"
    file.write_text(tm("config", "show").out.replace("192.0.2.1", "192.0.2.3"))
    for command in (
        ("config", "set", "tmsp.log_server.host", "192.0.2.2"),
        ("config", "apply", str(file)),
        ("config", "apply", "--trial", "--secret", "tmsp", str(file)),
    ):
        asked = Prompt(*command)
        try:
            if "--secret" not in command:
                asked.wait_for(b"Password: It was typed for another log server.")
            asked.wait_for(b"Password (tmsp): ")
            assert not asked.echoes
            asked.type(b"canarx\x7fy\r")
            asked.wait_for(b"Saved as revision")
            assert asked.end() == 0
            assert asked.echoes
            assert b"canar" not in asked.shown
            assert saved(home) == "canary"
        finally:
            asked.close()
    assert tm("config", "get", "tmsp.log_server.host").out == "192.0.2.3\n"


def number(key: str) -> bytes:
    """What is typed in plain lines to come to a field of the form of TMSP."""
    return b"%d\r" % (keys_of("tmsp").index(key) + 1)


PASSWORD, LOG_SERVER = number("tmsp.password"), number("tmsp.log_server.host")


def plain_at_password(home: Path) -> Prompt:
    """`tm-tui --plain` at the prompt for the password of TMSP."""
    asked = Prompt("--plain", TERM="dumb", TM_TUI_HOME=str(home))
    asked.wait_for(b"? help): ")
    asked.type(b"2\r")
    asked.wait_for(b"q back): ")
    asked.type(PASSWORD)
    return asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_plain_lines_give_the_echo_back_too(agent: object, home: Path, number: signal.Signals) -> None:
    """The same signals at the hidden prompt of the console in plain lines."""
    asked = plain_at_password(home)
    try:
        asked.wait_for(b"as it is): ")
        assert not asked.echoes
        asked.process.send_signal(number)
        assert asked.end() != 0
        assert asked.echoes
    finally:
        asked.close()


def test_plain_lines_edit_and_refuse_alike(agent: object, home: Path) -> None:
    """The plain form says at the field what is wrong with a password, and takes the next one as typed."""
    asked = plain_at_password(home)
    try:
        for typed, named in NAMED.values():
            asked.wait_for(b"as it is): ")
            asked.type(typed + b"\r")
            asked.wait_for(b"WRONG")
            asked.wait_for(named)
            asked.wait_for(b"q back): ")
            asked.type(PASSWORD + b"1\r")
        for typed, _ in EDITED.values():
            asked.wait_for(b"as it is): ")
            asked.type(typed + b"\r")
            asked.wait_for(b"typed anew")
            asked.wait_for(b"q back): ")
            asked.type(PASSWORD + b"1\r")
        asked.wait_for(b"as it is): ")
        asked.type("pä€\x08ßword\r".encode())
        asked.wait_for(b"q back): ")
        asked.type(b"s\r")
        asked.wait_for(b"Saved as revision 1")
        asked.type(b"q\r\r0\r")
        asked.end()
        text = (home / "config" / "current" / "secrets.json").read_text(encoding="utf-8")
        assert json.loads(text) == {"tmsp": "päßword"}
    finally:
        asked.close()


def test_plain_lines_ask_again_before_anything_is_sent(agent: object, tm, home: Path) -> None:
    """The field says so once the server is another one, save and test name it, and typing it is enough."""
    tm("config", "set", "tmsp.log_server.host", "192.0.2.1")
    tm("config", "secret", "tmsp", stdin=b"canary\n")
    asked = Prompt("--plain", TERM="dumb", TM_TUI_HOME=str(home))
    try:
        asked.wait_for(b"? help): ")
        asked.type(b"2\r")
        asked.wait_for(b"q back): ")
        asked.type(LOG_SERVER)
        asked.wait_for(b"empties it): ")
        asked.type(b"192.0.2.2\r")
        asked.wait_for(b"! Password: It was typed for another log server. Type the password again.")
        asked.wait_for(b"q back): ")
        asked.type(b"\r")
        asked.wait_for(b"to be typed again  WRONG")
        for key, told in (
            (b"s\r", b"Not saved: correct Password."),
            (b"t\r", b"Not tested: correct Password."),
        ):
            asked.wait_for(b"q back): ")
            asked.type(key)
            asked.wait_for(told)
        asked.wait_for(b"q back): ")
        asked.type(PASSWORD)
        asked.wait_for(b"Choose")
        asked.type(b"1\r")
        asked.wait_for(b"as it is): ")
        asked.type(b"canary\r")
        asked.wait_for(b"typed anew")
        asked.wait_for(b"q back): ")
        asked.type(b"s\r")
        asked.wait_for(b"Saved as revision 3: 2 settings: log server, password.")
    finally:
        asked.close()


ANY = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30)


@given(ANY)
def test_any_text_is_kept_as_typed_or_refused(text: str) -> None:
    """Whatever is typed: the line has exactly that, or something that no password may have, or was edited."""
    line = HiddenLine()
    for byte in f"{text}\r".encode():
        assert not line.ended
        line.feed(byte)
        if line.abandoned:
            return
    assert line.ended
    if set(text) & set("\x7f\x08\x15\x17\x04\x1b"):
        return
    assert line.text == text


@given(st.binary(max_size=60))
def test_any_bytes_end_at_a_line_end(data: bytes) -> None:
    """No sequence of bytes holds the prompt: Enter ends it, and only text that may be a password passes."""
    line = HiddenLine()
    for byte in data.translate(None, b"\r\n\x04"):
        line.feed(byte)
        assert not line.ended
    for byte in b"\r\r":
        if not line.ended:
            line.feed(byte)
    assert line.ended
    try:
        kept = Secrets().changed({"tmsp": SecretStr(line.text)}).tmsp
    except SettingsRefused:
        return
    assert (kept.get_secret_value() if kept else "") == line.text
    assert line.text.encode() in data or set(data) & set(b"\x7f\x08\x15\x17\x04\x1b\r\n")
