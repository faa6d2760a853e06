"""Bytes from a terminal turned into keys and pastes. Replies never become text; what is unread shows."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, NamedTuple

from screens.terminal.codes import (
    C1,
    CONTROL,
    KEYPAD,
    LETTER,
    LINUX,
    PUTTY,
    RXVT_CONTROL,
    SCO,
    TILDE,
    modified,
)

if TYPE_CHECKING:
    from collections.abc import Callable

UNREAD = "\N{REPLACEMENT CHARACTER}"
"""What stands in a text for a character that could not be taken."""

_ESC, _CR, _LF, _CAN, _SUB, _BEL = 0x1B, 0x0D, 0x0A, 0x18, 0x1A, 0x07
_FLOW = {0x11, 0x13}
_STRINGS = "P]X^_"
_LONGEST_SEQUENCE = 64
_LONGEST_STRING = 4096
_LONGEST_PASTE = 1 << 20
_PASTE_END = b"\x1b[201~"


class Key(NamedTuple):
    """A key press: its name ("" for a character) and what it types, if anything."""

    name: str
    character: str | None = None


_ESCAPE = Key("escape", "\x1b")


class Paste(NamedTuple):
    """Text between the marks of a bracketed paste."""

    text: str


class Unread(NamedTuple):
    """A character that cannot be taken: half of one, noise, or one that this line does not carry.

    It stands for itself, so that who types knows that something is missing.
    """

    character: str = UNREAD


class Reply(NamedTuple):
    """What the terminal answered: "status" (CSI 0 n) or "position" with row and column (CSI r ; c R)."""

    kind: str
    numbers: tuple[int, ...] = ()


Token = Key | Paste | Reply | Unread


class Reader:
    """Takes bytes as they come. ``encoding`` is the line's (None: ASCII only).

    ESC and a character are the same bytes as Esc and that character typed quickly, and are taken for that:
    Alt has no keys of its own here, and nothing typed changes its meaning by its pace. ``linux``: on that
    console ESC TAB is shift and Tab. ``sco``: its keys have codes that mean other keys elsewhere.
    """

    def __init__(self, encoding: str | None = "utf-8", *, linux: bool = False, sco: bool = False) -> None:
        self.asked_position = False
        """Set while a position report is awaited: it looks like a modified F3."""
        self._only_ascii = encoding is None
        self._decoder = codecs.getincrementaldecoder(encoding or "utf-8")("replace")
        self._state: Callable[[int], None] = self._ground
        self._tokens: list[Token] = []
        self._held = bytearray()
        self._linux_console, self._sco = linux, sco
        self._skip = 0
        self._last = 0

    @property
    def waiting(self) -> str | None:
        """What is incomplete: "escape", "paste" or nothing.

        Call ``time_out`` when it stays so for too long.
        """
        if self._state == self._ground:
            return None
        return "paste" if self._state == self._paste else "escape"

    def feed(self, data: bytes) -> list[Token]:
        """The tokens that these bytes complete."""
        for byte in data:
            self._state(byte)
            self._last = byte
        tokens, self._tokens = self._tokens, []
        return tokens

    def time_out(self) -> list[Token]:
        """End what is incomplete: ESC alone is the key, a paste is delivered, anything else is dropped."""
        if self._state == self._escape:
            self._tokens.append(_ESCAPE)
        elif self._state == self._string and not self._held[1:]:
            self._tokens += [_ESCAPE, Key("", chr(self._held[0]))]
        elif self._state == self._paste:
            self._end_paste()
        self._rest()
        tokens, self._tokens = self._tokens, []
        return tokens

    def _rest(self) -> None:
        self._state = self._ground
        self._held.clear()

    # -- states -----------------------------------------------------------------------------------

    def _ground(self, byte: int) -> None:
        if byte in C1 and not self._half_read:
            self._escape(ord(C1[byte]))  # no character begins with such a byte, in UTF-8 neither
            return
        if byte >= 0x80:
            self._beyond_ascii(self._decoder.decode(bytes([byte])))
            return
        self._beyond_ascii(self._decoder.decode(b"", final=True))  # half a character, if one had begun
        if byte == _ESC:
            self._state = self._escape
        elif byte < 0x20 or byte == 0x7F:
            self._control(byte)
        else:
            self._tokens.append(Key("", chr(byte)))

    def _beyond_ascii(self, text: str) -> None:
        for sign in text:
            if ord(sign) in C1:  # xterm's 8-bit controls on a line of UTF-8
                self._escape(ord(C1[ord(sign)]))
            else:
                taken = self._taken(sign)
                self._tokens.append(Key("", taken) if taken != UNREAD else Unread())

    def _taken(self, text: str) -> str:
        """The text, with the sign for what is unread where this line cannot have sent it."""
        last = "~" if self._only_ascii else "\U0010ffff"
        return "".join(sign if " " <= sign <= "~" or "\xa0" <= sign <= last else UNREAD for sign in text)

    @property
    def _half_read(self) -> bool:
        """Whether a character has begun and not ended."""
        return bool(self._decoder.getstate()[0])

    def _control(self, byte: int) -> None:
        if byte in CONTROL and byte not in _FLOW and not (byte == _LF and self._last == _CR):
            self._tokens.append(Key(CONTROL[byte], chr(byte)))

    def _escape(self, byte: int) -> None:
        sign = chr(byte)
        if byte == _ESC:
            self._tokens.append(_ESCAPE)
        elif sign in "[O":
            self._state = self._csi if sign == "[" else self._ss3
        elif sign in _STRINGS:
            self._held[:] = [byte]
            self._state = self._string
        elif sign == "\t" and self._linux_console:
            self._tokens.append(Key("shift+tab"))
            self._rest()
        else:
            self._tokens.append(_ESCAPE)
            self._rest()
            self._ground(byte)

    def _csi(self, byte: int) -> None:
        if byte == ord("[") and not self._held:
            self._state = self._linux
        elif 0x20 <= byte <= 0x3F:
            if len(self._held) <= _LONGEST_SEQUENCE:  # more is passed over up to its end, and typed by nobody
                self._held.append(byte)
        elif 0x40 <= byte <= 0x7E:
            parameters = self._held.decode("ascii")
            self._rest()
            if len(parameters) <= _LONGEST_SEQUENCE:
                self._sequence(parameters, chr(byte))
        else:
            self._broken(byte)

    def _ss3(self, byte: int) -> None:
        sign = chr(byte)
        if sign.isdigit() and byte < 0x80:
            self._held.append(byte)
            if len(self._held) > 2:
                self._rest()
            return
        modifier = int(self._held or b"1")
        self._rest()
        name = RXVT_CONTROL.get(sign) or PUTTY.get(sign) or LETTER.get(sign)
        if sign == "M":
            self._tokens.append(Key("enter", "\r"))
        elif sign in KEYPAD:
            self._tokens.append(Key("", KEYPAD[sign]))
        elif name is not None:
            self._tokens.append(Key(modified(name, modifier)))
        elif byte < 0x20:
            self._broken(byte)

    def _linux(self, byte: int) -> None:
        self._rest()
        if chr(byte) in LINUX:
            self._tokens.append(Key(LINUX[chr(byte)]))
        elif byte < 0x20:
            self._broken(byte)

    def _broken(self, byte: int) -> None:
        """A sequence cut short by another character, which counts for itself."""
        self._rest()
        if byte not in {_CAN, _SUB}:
            self._ground(byte)

    def _string(self, byte: int) -> None:
        """OSC, DCS, SOS, PM and APC: swallowed up to ST or BEL."""
        if byte == _BEL or (byte == ord("\\") and self._held[-1] == _ESC) or byte in {_CAN, _SUB}:
            self._rest()
            return
        self._held.append(byte)
        if len(self._held) > _LONGEST_STRING:
            del self._held[1:-1]  # passed over up to its end, as above

    def _mouse(self, _byte: int) -> None:
        self._skip -= 1
        if not self._skip:
            self._rest()

    def _paste(self, byte: int) -> None:
        self._held.append(byte)
        if byte == ord("~") and self._held.endswith(_PASTE_END):
            del self._held[-len(_PASTE_END) :]
            self._end_paste()
            self._rest()
        elif len(self._held) > _LONGEST_PASTE + len(_PASTE_END):
            del self._held[_LONGEST_PASTE : -len(_PASTE_END)]

    def _end_paste(self) -> None:
        text = bytes(self._held[:_LONGEST_PASTE]).decode("utf-8", "replace")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        kept = (sign if sign in "\n\t" else self._taken(sign) for sign in text)
        self._tokens.append(Paste("".join(kept)))

    # -- whole sequences --------------------------------------------------------------------------

    def _sequence(self, parameters: str, final: str) -> None:
        if parameters[:1] in {"<", "=", ">", "?"} or (
            not parameters.replace(";", "").isdigit() and parameters
        ):
            return
        numbers = [int(each or 0) for each in parameters.split(";")] if parameters else []
        modifier = numbers[1] if len(numbers) > 1 else 1
        if final == "n":
            self._tokens.append(Reply("status"))
        elif final == "R" and len(numbers) == 2 and (self.asked_position or numbers[0] != 1):
            self._tokens.append(Reply("position", tuple(numbers)))
        elif self._sco and not parameters and final in SCO:
            self._tokens.append(Key(SCO[final]))
        elif final == "M" and not parameters:
            self._skip, self._state = 3, self._mouse
        elif final == "~":
            self._tilde(numbers, modifier)
        elif final in LETTER and (len(numbers) < 3) and not (final == "c" and numbers):
            if len(numbers) == 1 and numbers[0] > 1:
                modifier = numbers[0]
            self._tokens.append(Key(modified(LETTER[final], modifier)))

    def _tilde(self, numbers: list[int], modifier: int) -> None:
        code = numbers[0] if numbers else 0
        if code == 200:
            self._state = self._paste
        elif code in TILDE and len(numbers) < 3:
            self._tokens.append(Key(modified(TILDE[code], modifier)))
