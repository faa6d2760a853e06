"""Each defect of the stock driver on a poor line.

Shown to be there with it, and gone with ours, on a real pty.
"""

import signal
import time

import pytest

from tests.wire.ptys import sample

READY = "CONNECTED  beat 0 s ago"
ANSI = {"SAMPLE_THEME": "ansi-dark"}


def started(kind, tmp_path, **keywords):
    terminal = sample(
        kind, folder=tmp_path, orders=True, **{**keywords, "environ": {**ANSI, **keywords.get("environ", {})}}
    )
    came(terminal, READY)
    terminal.settle(0.2, 3)
    return terminal


def came(terminal, text):
    """Wait for the first screen; without it nothing is shown about a defect."""
    try:
        terminal.until_text(text, 60)
    except AssertionError as never:
        pytest.fail(f"did not start: {never}")


def open_form(terminal):
    """Go to the first field of the form."""
    for keys in ("\x1b[B", "\x1b[B", "\r"):
        terminal.type(keys)
        terminal.settle(0.2, 2)
    terminal.until_text("logs.example.com")
    terminal.type("\t")
    terminal.settle(0.2, 2)


def still_works(terminal) -> bool:
    """Whether a key still reaches the program."""
    try:
        terminal.type("\x1b[6~")
        terminal.until_fact("key pagedown")
    except (AssertionError, OSError):
        return False
    return True


def survives_noise(kind, tmp_path):
    with started(kind, tmp_path) as terminal:
        terminal.type(b"\xff\xfe\xc3")
        terminal.settle(0.2, 2)
        return still_works(terminal)


def survives_xon(kind, tmp_path):
    with started(kind, tmp_path) as terminal:
        terminal.type(b"\x11")
        terminal.settle(0.3, 2)
        return still_works(terminal) and "key ctrl+q" not in terminal.facts()


def ends_quietly_when_the_line_is_lost(kind, tmp_path):
    """With SIGHUP ignored only the end of input tells."""
    with started(kind, tmp_path, nohup=True) as terminal:
        terminal.hang_up()
        try:
            terminal.ends_within()
        except AssertionError:
            return False
        return True


def restores_after_sigterm(kind, tmp_path):
    return restores_after(kind, tmp_path, signal.SIGTERM)


def restores_after_sigquit(kind, tmp_path):
    return restores_after(kind, tmp_path, signal.SIGQUIT)


def restores_after(kind, tmp_path, number):
    with started(kind, tmp_path) as terminal:
        terminal.process.send_signal(number)
        terminal.ends_within()
        return terminal.modes_are_back()


def falls_back_to_80x24(kind, tmp_path):
    with sample(kind, folder=tmp_path, size=(0, 0), answers=False, environ=ANSI) as terminal:
        came(terminal, "Threat Mitigator")
        terminal.until(lambda: any(fact.startswith("size") for fact in terminal.facts()))
        terminal.settle(0.3, 3)
        return {fact for fact in terminal.facts() if fact.startswith("size")} == {"size 80x24"}


def stays_ascii(kind, tmp_path):
    return says_only_ascii(kind, tmp_path, TERM="xterm", LANG="C", LC_ALL="C")


def stays_ascii_where_python_would_not(kind, tmp_path):
    """With LANG=C alone Python gives itself a UTF-8 locale."""
    return says_only_ascii(kind, tmp_path, TERM="xterm", LANG="C")


def says_only_ascii(kind, tmp_path, **environ):
    with started(kind, tmp_path, environ=environ) as terminal:
        open_form(terminal)
        return max(terminal.raw) < 0x80


def prints_no_escapes_in_latin_1(kind, tmp_path):
    latin = {
        "TERM": "xterm",
        "LANG": "de_DE.ISO-8859-1",
        "LC_ALL": "de_DE.ISO-8859-1",
        "PYTHONIOENCODING": "latin-1",
    }
    with started(kind, tmp_path, environ=latin) as terminal:
        open_form(terminal)
        return b"\\u2" not in terminal.raw and max(terminal.raw) < 0x80


def sends_no_colour_to_a_dumb_terminal(kind, tmp_path):
    with started(kind, tmp_path, environ={"TERM": "dumb", "SAMPLE_THEME": "textual-dark"}) as terminal:
        return b"38;2;" not in terminal.raw and b"48;2;" not in terminal.raw


def knows_vt220_keys(kind, tmp_path):
    with started(kind, tmp_path) as terminal:
        for code in (25, 26, 28, 29, 31, 32, 33, 34):
            terminal.type(f"\x1b[{code}~")
        terminal.type("\x1b[6~")
        terminal.until_fact("key pagedown")
        wanted = [f"key f{number}" for number in range(13, 21)]
        return [fact for fact in terminal.facts() if fact.startswith("key")][:8] == wanted


def swallows_replies(kind, tmp_path):
    with started(kind, tmp_path) as terminal:
        open_form(terminal)
        terminal.type(
            "\x1b[?62;1;2c\x1b[0n\x1b]11;rgb:0000/0000/0000\x1b\\\x1bP1$r0m\x1b\\\x1b[?1;2$y\x1b[8;24;80t"
        )
        terminal.settle(0.4, 3)
        terminal.order("facts")
        terminal.until(lambda: any(fact.startswith("inputs") for fact in terminal.facts()))
        return "inputs ['logs.example.com', '22'," in next(
            f for f in terminal.facts() if f.startswith("inputs")
        )


def joins_a_split_arrow(kind, tmp_path):
    with started(kind, tmp_path) as terminal:
        before = len(terminal.facts())
        for part in ("\x1b", "[", "B"):
            terminal.type(part)
            end = time.monotonic() + 0.12
            while time.monotonic() < end:
                terminal.pump(0.01)
        terminal.type("\x1b[6~")
        terminal.until_fact("key pagedown")
        return terminal.facts()[before:] == ["key pagedown"] or "key B" not in terminal.facts()


def outlasts_a_storm_of_resizes(kind, tmp_path):
    with started(kind, tmp_path) as terminal:
        before = len(terminal.raw)
        for number in range(100):
            terminal.resize(80 + number % 7, 24, tell=False)
            terminal.pump(0.01)
        terminal.settle(0.5, 10)
        return len(terminal.raw) - before < 10_000


def tells_no_secrets_when_it_crashes(kind, tmp_path):
    with started(kind, tmp_path, environ={"TMPDIR": str(tmp_path)}) as terminal:
        before = len(terminal.raw)
        terminal.order("crash")
        terminal.ends_within()
        said = bytes(terminal.raw[before:])
        return b"hunter2" not in said and len(said) < 1000


def sleeps_when_idle(kind, tmp_path):
    with started(kind, tmp_path) as terminal:
        terminal.settle(0.5, 3)
        before, bytes_before = terminal.wake_ups(), len(terminal.raw)
        terminal.pump(3.0)
        return terminal.wake_ups() - before <= 3 and len(terminal.raw) == bytes_before


DEFECTS = [
    survives_noise,
    survives_xon,
    ends_quietly_when_the_line_is_lost,
    restores_after_sigterm,
    restores_after_sigquit,
    falls_back_to_80x24,
    stays_ascii,
    stays_ascii_where_python_would_not,
    prints_no_escapes_in_latin_1,
    sends_no_colour_to_a_dumb_terminal,
    knows_vt220_keys,
    swallows_replies,
    joins_a_split_arrow,
    outlasts_a_storm_of_resizes,
    tells_no_secrets_when_it_crashes,
    sleeps_when_idle,
]


@pytest.mark.parametrize("check", DEFECTS, ids=lambda each: each.__name__)
def test_our_driver_has_not_the_defect(check, tmp_path):
    """On a poor line the console goes on, ends cleanly, or stays silent, as the name of the check says."""
    assert check("ours", tmp_path)


@pytest.mark.parametrize("check", DEFECTS, ids=lambda each: each.__name__)
def test_the_stock_driver_has_the_defect(check, tmp_path):
    """The check would notice: it fails with Textual's own driver."""
    try:
        assert not check("stock", tmp_path)
    except (OSError, AssertionError) as ended:
        if isinstance(ended, AssertionError) and "did not come" not in str(ended):
            raise
