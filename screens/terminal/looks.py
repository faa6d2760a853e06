"""The looks of cells as small numbers, and the shortest code from one look to the next."""

from __future__ import annotations

from typing import NamedTuple

from screens.terminal.capabilities import (
    BLINK,
    BOLD,
    DIM,
    ITALIC,
    REVERSE,
    STRIKE,
    UNDERLINE,
    Capabilities,
)

_ON = ((BOLD, "1"), (DIM, "2"), (ITALIC, "3"), (UNDERLINE, "4"), (BLINK, "5"), (REVERSE, "7"), (STRIKE, "9"))
_OFF = ((BOLD | DIM, "22"), (ITALIC, "23"), (UNDERLINE, "24"), (BLINK, "25"), (REVERSE, "27"), (STRIKE, "29"))
_SHOWS_ON_BLANK = UNDERLINE | REVERSE | STRIKE


class Look(NamedTuple):
    """Colours as SGR parameters ("31", "48;5;17", "" for the terminal's own) and attribute bits."""

    fore: str = ""
    back: str = ""
    attributes: int = 0


PLAIN = Look()


class Palette:
    """Gives each look a number (0 is plain) and knows the codes between two numbers.

    ``blank[n]`` is the number of the look that a space in look ``n`` really shows: its foreground does not
    matter.
    """

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self.looks = [PLAIN]
        self.blank = [0]
        self._numbers = {PLAIN: 0}
        self._codes: dict[tuple[int, int], str] = {}

    def number(self, look: Look) -> int:
        """The number of a look, after dropping the attributes that the terminal has not."""
        known = self._numbers.get(look)
        if known is not None:
            return known
        fitted = look._replace(attributes=look.attributes & self.capabilities.attributes)
        number = self._numbers.get(fitted)
        if number is None:
            number = self._add(fitted)
        self._numbers[look] = number
        return number

    def _add(self, look: Look) -> int:
        number = len(self.looks)
        self._numbers[look] = number
        self.looks.append(look)
        self.blank.append(number)
        if not look.attributes & _SHOWS_ON_BLANK:
            self.blank[number] = self.number(Look(back=look.back))
        return number

    def erasable(self, number: int) -> bool:
        """Whether EL and ED leave cells of this look.

        Plain ones, or a mere background where the terminal fills with it.
        """
        look = self.looks[number]
        return number == 0 or (self.capabilities.erases_in_colour and not look.fore and not look.attributes)

    def code(self, now: int | None, then: int) -> str:
        """The shortest SGR that leads from look ``now`` (None: unknown) to look ``then``.

        "" if none is needed.
        """
        if now == then:
            return ""
        key = (-1 if now is None else now, then)
        code = self._codes.get(key)
        if code is None:
            if len(self._codes) > 10_000:
                self._codes.clear()
            code = self._codes[key] = self._find(now, self.looks[then])
        return code

    def _find(self, now: int | None, then: Look) -> str:
        anew = ";".join(["", *_parameters(PLAIN, then)])
        fresh = f"\x1b[{anew}m"
        delta = None if now is None else self._delta(self.looks[now], then)
        return fresh if delta is None or len(fresh) <= len(delta) else delta

    def _delta(self, now: Look, then: Look) -> str | None:
        gone = now.attributes & ~then.attributes
        cleared = (now.fore and not then.fore) or (now.back and not then.back)
        if (gone or cleared) and not self.capabilities.off_codes:
            return None
        parameters = []
        kept = now.attributes
        for bits, off in _OFF:
            if gone & bits:
                parameters.append(off)
                kept &= ~bits
        parameters += _parameters(now._replace(attributes=kept), then)
        return f"\x1b[{';'.join(parameters)}m"


def _parameters(now: Look, then: Look) -> list[str]:
    parameters = [on for bit, on in _ON if then.attributes & ~now.attributes & bit]
    if then.fore != now.fore:
        parameters.append(then.fore or "39")
    if then.back != now.back:
        parameters.append(then.back or "49")
    return parameters
