"""Which codes, glyphs and colours to use for this terminal, and why.

What the user asked for wins over every guess.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from screens.terminal.capabilities import SETS, TRUE_COLOUR, VT100, Capabilities, for_name, has_colour

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERIAL = re.compile(r"/dev/(tty[A-Za-z]+\d+|hvc\d+|hvsi\d+|serial/.*)")
_SERIAL_WAIT = 0.3
_WAIT = 0.05


class TerminalOptions(NamedTuple):
    """What a user may decide; None leaves it to the environment.

    terminal: a TERM name or the name of a set ("vt100", "linux", "screen", "xterm").  ascii, mono: True or
    False.
    size: (columns, rows).  smallest: a terminal below these columns and rows gets a notice in place of the
    screen.
    """

    terminal: str | None = None
    ascii: bool | None = None
    mono: bool | None = None
    size: tuple[int, int] | None = None
    smallest: tuple[int, int] = (20, 5)


_COERCED = {"C.UTF-8", "C.utf8", "UTF-8"}
_FIRST_ENVIRON = "/proc/self/environ"


def as_given(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables with the LC_CTYPE of before Python put its own there (PEP 538); empty if there was none.

    Python takes UTF-8 in the C locale, and in a locale that is not installed; the terminal of somebody who
    set LANG=C or LANG=de_DE@euro may not.
    """
    if environ is not os.environ or environ.get("LC_CTYPE") not in _COERCED:
        return environ
    try:
        with open(_FIRST_ENVIRON, "rb") as file:  # noqa: PTH123 - pathlib costs the first picture 3 ms
            first = file.read().split(b"\0")
    except OSError:
        return environ
    given = next((each for each in first if each.startswith(b"LC_CTYPE=")), b"")
    return {**environ, "LC_CTYPE": os.fsdecode(given).partition("=")[2]}


def _deciding(environ: Mapping[str, str]) -> str | None:
    """The variable that decides about characters (POSIX, 8.2)."""
    return next((each for each in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(each)), None)


def _says_utf8(value: str) -> bool:
    return re.search(r"utf-?8", value, re.IGNORECASE) is not None


def charset(environ: Mapping[str, str]) -> str | None:
    """The charset of a terminal with these variables, as Python calls it; None: UTF-8, or nobody says.

    What a variable says counts also where that locale is not installed.
    """
    import codecs
    import locale

    given = as_given(environ)
    variable = _deciding(given)
    if variable is None or _says_utf8(given[variable]):
        return None
    name = locale.normalize(given[variable]).partition(".")[2].partition("@")[0]
    try:
        return codecs.lookup(name or "ascii").name
    except LookupError:
        return "ascii"


class Choice(NamedTuple):
    """The decision: the set, the seconds that a split escape sequence may take, and the reasons in words."""

    capabilities: Capabilities
    escape_seconds: float
    reasons: tuple[str, ...]
    serial: bool = False
    name: str = ""
    """The terminal's name, as TERM or the user has it."""

    def describe(self) -> str:
        """One sentence for an About screen."""
        return "; ".join(self.reasons) + "."


def is_serial(device: str | None) -> bool:
    """Whether a device is a serial line (ttyS0, ttyAMA0, ttyUSB0, hvc0), not a pty or a virtual console."""
    return device is not None and _SERIAL.fullmatch(device) is not None


def choose(options: TerminalOptions, environ: Mapping[str, str], device: str | None) -> Choice:
    """Choose for the terminal on ``device`` (a path as /dev/ttyS0, or None) with these variables."""
    name = options.terminal or environ.get("TERM", "")
    serial = is_serial(device)
    found, why = _codes(options, name, device if serial else None)
    utf8, why_glyphs = _glyphs(options, environ, found, serial)
    colours, why_colours = _colours(options, environ, name, found)
    capabilities = found._replace(utf8=utf8, colours=colours)
    slow = serial or found.name == VT100.name
    return Choice(capabilities, _SERIAL_WAIT if slow else _WAIT, (why, why_glyphs, why_colours), serial, name)


def _codes(options: TerminalOptions, name: str, serial: str | None) -> tuple[Capabilities, str]:
    if options.terminal is not None:
        found = SETS.get(name) or for_name(name)
        return found, f"{found.name} codes because {name} was asked for"
    if serial is not None:
        return VT100, f"vt100 codes because {serial} is a serial line"
    found = for_name(name)
    if found is VT100 and not name.startswith("vt"):
        return VT100, f"vt100 codes because TERM={name or 'nothing'} is not a terminal we know"
    return found, f"{found.name} codes because TERM={name}"


def _glyphs(
    options: TerminalOptions, environ: Mapping[str, str], found: Capabilities, serial: bool
) -> tuple[bool, str]:
    if options.ascii is not None:
        return not options.ascii, (
            "ASCII" if options.ascii else "Unicode"
        ) + " signs because it was asked for"
    if serial or found.name == VT100.name:
        return False, "ASCII signs because such a terminal may not know Unicode"
    variable = _deciding(environ)
    if variable is None:
        return False, "ASCII signs because LANG is not set"
    value = environ[variable]
    utf8 = _says_utf8(value)
    return utf8, f"{'Unicode' if utf8 else 'ASCII'} signs because {variable}={value}"


def _colours(
    options: TerminalOptions, environ: Mapping[str, str], name: str, found: Capabilities
) -> tuple[int, str]:
    if options.mono is not None:
        return (0, "no colour because it was asked for") if options.mono else _asked(found)
    if environ.get("NO_COLOR"):
        return 0, "no colour because NO_COLOR is set"
    if not has_colour(name):
        return 0, f"no colour because {name or 'an unknown terminal'} may have none"
    if found.colours and environ.get("COLORTERM") in {"truecolor", "24bit"}:
        return TRUE_COLOUR, "all colours because COLORTERM says so"
    return max(found.colours, 16), f"{max(found.colours, 16)} colours because {name} has them"


def _asked(found: Capabilities) -> tuple[int, str]:
    colours = max(found.colours, 16)
    return colours, f"{colours} colours because it was asked for"
