"""A line that is typed without an echo. The terminal gets its echo back however the program is ended."""

import codecs
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

import click

__all__ = ["Hidden", "HiddenLine", "ask_hidden"]

_ESC, _BEL = 0x1B, 0x07
_ENDS = frozenset(b"\r\n")
_ERASE, _KILL, _WORD, _END_OF_INPUT = frozenset((0x08, 0x7F)), 0x15, 0x17, 0x04
_STRINGS = frozenset(b"P]X^_")
_PASTE_MARKS = {b"[200~", b"[201~"}
_LONGEST = 4096
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


class HiddenLine:
    """What is typed, byte by byte, as UTF-8, with the keys that edit a line that nobody sees.

    Backspace takes a character back, whichever of its two codes the terminal sends; ^W a word, ^U all. What
    cannot be part of a password stays in as one sign that no password may hold, so that it is refused: ESC
    for a whole key such as an arrow, U+FFFD for bytes that are no UTF-8, control characters as they are.
    """

    def __init__(self, erase: frozenset[int] = frozenset()) -> None:
        self._erase = _ERASE | erase
        self._text: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._sequence: bytearray | None = None
        self.ended = False
        self.abandoned = False
        """The input ended (^D) before anything was typed."""

    @property
    def text(self) -> str:
        """What is typed so far."""
        return "".join(self._text)

    def feed(self, byte: int) -> None:
        """Take one byte."""
        if self._sequence is not None:
            self._in_sequence(self._sequence, byte)
        elif byte >= 0x80:
            self._put(self._decoder.decode(bytes((byte,))))
        else:
            self._ascii(byte)

    def _ascii(self, byte: int) -> None:
        cut_short = self._decoder.decode(b"", final=True)
        if byte not in self._erase:
            self._put(cut_short)
        if byte in _ENDS:
            self.ended = True
        elif byte in self._erase:
            if not cut_short:
                del self._text[-1:]
        elif byte == _KILL:
            self._text.clear()
        elif byte == _WORD:
            del self._text[self.text.rstrip(" ").rfind(" ") + 1 :]
        elif byte == _END_OF_INPUT:
            self.abandoned = self.ended = not self._text
        elif byte == _ESC:
            self._sequence = bytearray()
        else:
            self._put(chr(byte))

    def _in_sequence(self, sequence: bytearray, byte: int) -> None:
        """A key that sends several bytes, or a terminal's own report: over at its last byte, as one sign."""
        first = sequence[0] if sequence else byte
        if byte in _ENDS or (first not in _STRINGS and byte < 0x20):
            self._leave("\x1b")
            self.feed(byte)
            return
        sequence.append(byte)
        if len(sequence) > _LONGEST or _is_whole(bytes(sequence)):
            self._leave("" if bytes(sequence) in _PASTE_MARKS else "\x1b")

    def _leave(self, sign: str) -> None:
        self._sequence = None
        self._put(sign)

    def _put(self, text: str) -> None:
        self._text += text[: max(0, _LONGEST - len(self._text))]


def _is_whole(sequence: bytes) -> bool:
    """Whether a control sequence is complete (ECMA-48, 5.4), the Linux console's `ESC [ [ A` too."""
    first, last = sequence[:1], sequence[-1]
    if sequence in {b"[", b"O", b"[["}:
        return False
    if first == b"[":
        return 0x40 <= last <= 0x7E
    if first == b"O":
        return not 0x30 <= last <= 0x39
    if first[0] in _STRINGS:
        return last == _BEL or sequence.endswith(b"\x1b\\")
    return True


class Hidden:
    """A terminal whose lines are read byte by byte and not shown, for as long as a `with` block lasts."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = termios.tcgetattr(descriptor)

    def line(self) -> HiddenLine:
        """A line to be typed, with this terminal's own erase character."""
        erase = self._before[6][termios.VERASE]
        return HiddenLine(frozenset(erase) - {0} if isinstance(erase, bytes) else frozenset())

    def hide(self) -> None:
        """No echo; each byte at once."""
        hidden = termios.tcgetattr(self._descriptor)
        hidden[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON)
        hidden[6] = [*hidden[6]]
        hidden[6][termios.VMIN], hidden[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, hidden)

    def restore(self) -> None:
        """The terminal as it was; one that is gone needs nothing."""
        with suppress(termios.error):
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hide what is typed. A signal that ends or suspends the program shows it again first."""
        with ExitStack() as stack:
            if threading.current_thread() is threading.main_thread():
                for number in (*_ENDING, signal.SIGTSTP):
                    self._watch(stack, number, self._end)
                self._watch(stack, signal.SIGCONT, self._go_on)
            stack.callback(self.restore)
            self.hide()
            yield

    def _watch(self, stack: ExitStack, number: int, react: Callable[[int, FrameType | None], None]) -> None:
        """React to a signal that nobody else in the program reacts to."""
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, react)
            stack.callback(signal.signal, number, signal.SIG_DFL)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        """Do what the signal is for, with the echo back. After one that only stops, it goes on."""
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._end)
        self._go_on(number, _frame)

    def _go_on(self, _number: int, _frame: FrameType | None) -> None:
        with suppress(termios.error):
            self.hide()


def _one_byte(descriptor: int) -> int:
    """The next byte; what follows the line stays for whoever reads next. Raises click.Abort at the end."""
    try:
        read = os.read(descriptor, 1)
    except OSError:  # a lost carrier reads as an error of the terminal
        raise click.Abort from None
    if not read:
        raise click.Abort
    return read[0]


def ask_hidden(prompt: str) -> str:
    """Ask on the terminal at standard input, and return the line. Raises click.Abort when the input ends."""
    descriptor = sys.stdin.fileno()
    hidden = Hidden(descriptor)
    line = hidden.line()
    with hidden.held():
        click.echo(prompt, nl=False, err=True)
        while not line.ended:
            line.feed(_one_byte(descriptor))
        click.echo(err=True)
    if line.abandoned:
        raise click.Abort
    return line.text
