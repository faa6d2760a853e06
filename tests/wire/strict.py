"""A terminal that takes nothing outside its capability set.

It raises where a lenient emulator would guess.
"""

import re

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
from screens.terminal.looks import PLAIN, Look

_ON = {"1": BOLD, "2": DIM, "3": ITALIC, "4": UNDERLINE, "5": BLINK, "7": REVERSE, "9": STRIKE}
_OFF = {"22": BOLD | DIM, "23": ITALIC, "24": UNDERLINE, "25": BLINK, "27": REVERSE, "29": STRIKE}
_TOKEN = re.compile(
    r"\x1b\[([0-9;?>=]*)([@-~])|\x1b(\(.|.)|([\x00-\x1f\x7f-\x9f])|([^\x00-\x1f\x7f-\x9f])", re.DOTALL
)


REPORTS = {9, 1000, 1002, 1003, 1004, 1005, 1006, 1015}
"""xterm's reports of mouse and focus."""


class Refused(AssertionError):
    """A code that this terminal does not have, or whose effect terminals do not agree on."""


class StrictTerminal:
    def __init__(self, capabilities: Capabilities, width: int, height: int):
        self.can = capabilities
        self.width, self.height = width, height
        self.cells = [[(" ", PLAIN)] * width for _ in range(height)]
        self.x = self.y = 0
        self.look = PLAIN
        self.margins = (0, height - 1)
        self.wrap = True
        self.cursor_shown = True
        self.saved = None
        self.stops: set[int] = set()
        self.undefined_column = False
        self.last = None

    def feed(self, data: str) -> None:
        if not self.can.utf8 and not data.isascii():
            raise Refused(f"not ASCII: {data!r}")
        at = 0
        while at < len(data):
            found = _TOKEN.match(data, at)
            if found is None:
                raise Refused(f"not a whole sequence: {data[at : at + 20]!r}")
            at = found.end()
            parameters, final, escape, control, sign = found.groups()
            if final:
                self.sequence(parameters, final)
            elif escape:
                self.escape(escape)
            elif control:
                self.control(control)
            else:
                self.print(sign)

    def print(self, sign: str) -> None:
        from rich.cells import get_character_cell_size

        width = get_character_cell_size(sign)
        if width == 0:
            self.combine(sign)
            return
        if self.undefined_column:
            raise Refused("wrote after the last column without moving")
        if self.wrap:
            raise Refused("wrote while wrapping is on")
        if self.x + width > self.width:
            raise Refused("a wide sign in the last column")
        row = self.cells[self.y]
        if row[self.x][0] == "":
            row[self.x - 1] = (" ", row[self.x - 1][1])
        end = self.x + width
        if end < self.width and row[end][0] == "":
            row[end] = (" ", row[end][1])
        row[self.x : end] = [(sign, self.look)] + [("", self.look)] * (width - 1)
        self.last = sign
        self.x = end
        if self.x == self.width:
            self.x, self.undefined_column = self.width - 1, True

    def combine(self, sign: str) -> None:
        row = self.cells[self.y]
        at = self.x if self.undefined_column else self.x - 1
        at -= row[at][0] == ""
        row[at] = (row[at][0] + sign, row[at][1])

    def control(self, control: str) -> None:
        if control == "\r":
            self.x, self.undefined_column = 0, False
        elif control == "\n":
            self.index()
        elif control == "\t":
            self.defined()
            self.to(min((stop for stop in self.stops if stop > self.x), default=self.width), self.y)
        elif control == "\b":
            self.defined()
            if not self.x:
                raise Refused("BS in the first column")
            self.x -= 1
        elif control != "\x0f":
            raise Refused(f"control {control!r}")

    def defined(self) -> None:
        if self.undefined_column:
            raise Refused("a relative move from the last column after writing in it")

    def inside(self, *rows: int) -> None:
        if not all(self.margins[0] <= row <= self.margins[1] for row in rows):
            raise Refused("a relative move outside the margins")

    def index(self) -> None:
        self.inside(self.y)
        if self.y == self.margins[1]:
            self.scroll(1)
        else:
            self.y += 1

    def scroll(self, lines: int) -> None:
        if self.look != PLAIN:
            raise Refused("scrolled in a look that is not plain")
        top, bottom = self.margins
        blank = [(" ", PLAIN)] * self.width
        rows = self.cells[top : bottom + 1]
        self.cells[top : bottom + 1] = [*rows[1:], blank] if lines > 0 else [blank[:], *rows[:-1]]

    def escape(self, code: str) -> None:
        if code == "M":
            self.inside(self.y)
            if self.y == self.margins[0]:
                self.scroll(-1)
            else:
                self.y -= 1
        elif code == "7":
            self.defined()
            self.saved = (self.x, self.y, self.look)
        elif code == "8":
            if self.saved is None:
                raise Refused("restored a cursor that was not saved")
            self.x, self.y, self.look = self.saved
            self.undefined_column = False
        elif code == "H":
            self.defined()
            self.stops.add(self.x)
        elif code not in {"(B", ">"}:
            raise Refused(f"ESC {code!r}")

    def sequence(self, parameters: str, final: str) -> None:
        if parameters.startswith("?"):
            self.mode(parameters, final == "h")
        elif parameters + final != "4l" and not (self.can.alternate and parameters + final in {">4m", "=0u"}):
            self.command(parameters, final)

    def command(self, parameters: str, final: str) -> None:
        numbers = [int(each or 0) for each in parameters.split(";")]
        count = max(1, numbers[0])
        if final == "m":
            self.graphics(parameters)
        elif final == "g" and numbers == [3]:
            self.stops.clear()
        elif final in "HABCD" or (final in "Gd" and self.can.columns):
            self.move(final, count, numbers)
        elif final in "JK" and not numbers[0]:
            self.erase(final)
        elif final == "r" and len(numbers) == 2:
            self.margins = (numbers[0] - 1, numbers[1] - 1)
            if not 0 <= self.margins[0] < self.margins[1] < self.height:
                raise Refused(f"margins {numbers}")
            self.to(0, 0)
        elif final == "b" and self.can.repeat:
            for _ in range(count):
                self.print(self.last)
        else:
            raise Refused(f"CSI {parameters} {final}")

    def move(self, final: str, count: int, numbers: list[int]) -> None:
        if final == "H":
            column = numbers[1] if len(numbers) > 1 else 1
            self.to(max(1, column) - 1, count - 1)
        elif final in "AB":
            row = self.y + (count if final == "B" else -count)
            self.inside(self.y, row)
            self.y = row
        elif final == "G":
            self.to(count - 1, self.y)
        else:
            self.defined()
            self.to(
                *(self.x, count - 1)
                if final == "d"
                else (self.x + (count if final == "C" else -count), self.y)
            )

    def to(self, x: int, y: int) -> None:
        if not (0 <= x < self.width and 0 <= y < self.height):
            raise Refused(f"moved out of the screen to {x}, {y}")
        self.x, self.y, self.undefined_column = x, y, False

    def mode(self, parameters: str, on: bool) -> None:
        for number in map(int, parameters[1:].split(";")):
            if number == 7:
                self.wrap = on
            elif number == 25:
                self.cursor_shown = on
            elif on or not (number in {1, 5, 6} or (self.can.alternate and number in REPORTS)):
                raise Refused(f"mode {parameters}")

    def erase(self, final: str) -> None:
        self.defined()
        look = self.look
        if look.fore or look.attributes or (look.back and not self.can.erases_in_colour):
            raise Refused(f"erased in {look}")
        row = self.cells[self.y]
        if row[self.x][0] == "":
            row[self.x - 1] = (" ", row[self.x - 1][1])
        row[self.x :] = [(" ", look)] * (self.width - self.x)
        if final == "J":
            for y in range(self.y + 1, self.height):
                self.cells[y] = [(" ", look)] * self.width

    def graphics(self, parameters: str) -> None:
        codes = parameters.split(";")
        while codes:
            code = codes.pop(0)
            fore, back, attributes = self.look
            if code in {"", "0"}:
                self.look = PLAIN
                continue
            if code in {"38", "48"}:
                taken = 2 if codes[0] == "5" else 4
                code = ";".join([code, *codes[:taken]])
                del codes[:taken]
            self.look = self.one(code, fore, back, attributes)

    def one(self, code: str, fore: str, back: str, attributes: int) -> Look:
        first = code.split(";", maxsplit=1)[0]
        number = int(first)
        if first in _ON and _ON[first] & self.can.attributes:
            return Look(fore, back, attributes | _ON[first])
        if self.can.off_codes and first in _OFF:
            return Look(fore, back, attributes & ~_OFF[first])
        if self.can.off_codes and first in {"39", "49"}:
            return Look("", back, attributes) if first == "39" else Look(fore, "", attributes)
        if not self.can.colours:
            raise Refused(f"SGR {code}")
        if (first == "38" and self.can.colours > 16) or 30 <= number <= 37 or 90 <= number <= 97:
            return Look(code, back, attributes)
        if (first == "48" and self.can.colours > 16) or 40 <= number <= 47 or 100 <= number <= 107:
            return Look(fore, code, attributes)
        raise Refused(f"SGR {code}")
