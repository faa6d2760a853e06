"""One app, two screens: Textual's own codes in one emulator, ours in others, compared cell by cell.

A long campaign: python -m benchmarks.wire.campaign.
"""

import asyncio
import os
import pty
import random
import sys
from dataclasses import dataclass
from functools import lru_cache

import pyte
from rich.console import Console
from textual import events
from textual._compositor import LayoutUpdate
from textual.geometry import Size

from screens.terminal.capabilities import SETS, TRUE_COLOUR, VT100, XTERM, Capabilities
from screens.terminal.cursor import place
from screens.terminal.driver import SlowLineDriver, event_for
from screens.terminal.glyphs import as_ascii
from screens.terminal.input import Key
from screens.terminal.options import Choice, TerminalOptions
from screens.terminal.session import Session
from tests.emulator import Emulator, QuickScreen, Stream
from tests.wire.screens_of import pyte_cells
from tests.wire.strict import StrictTerminal
from tests.wire.subjects import SUBJECTS

SYSTEMS = {0: "standard", 16: "standard", 256: "256", TRUE_COLOUR: "truecolor"}
SETS_TO_TRY = [
    VT100,
    VT100._replace(colours=16),
    *(
        each._replace(utf8=True, colours=max(16, each.colours))
        for name, each in SETS.items()
        if name != "vt100"
    ),
    XTERM._replace(utf8=True, colours=TRUE_COLOUR),
    XTERM._replace(utf8=True, colours=256),
    XTERM,
    XTERM._replace(utf8=True, colours=0),
]
THEMES = ("ansi-dark", "textual-dark")
SIZES = [(80, 24), (80, 25), (100, 30), (132, 43), (60, 20), (80, 24)]


@dataclass
class Difference(AssertionError):
    """The first step after which the screens differ."""

    step: int
    what: str
    ours: str
    theirs: str
    cells: object = None

    def __str__(self) -> str:
        return (
            f"step {self.step} ({self.what}):\n--- stock\n{self.theirs}\n--- ours\n{self.ours}\n{self.cells}"
        )


class Twins(SlowLineDriver):
    """Our driver, with what Textual would have sent beside it."""

    capabilities: Capabilities = VT100

    def __init__(self, app, **keywords):
        self.master, slave = pty.openpty()
        session = Session(TerminalOptions(), {}, slave)
        os.close(slave)
        session.choice = Choice(self.capabilities, 0.05, ("as the test wants it",))
        Session.waiting = session
        session.adopt_size(SIZES[0], "test")
        session.palette.capabilities = self.capabilities
        super().__init__(app, **keywords)
        app.console = Console(
            color_system=SYSTEMS[self.capabilities.colours],
            file=app.console.file,
            force_terminal=True,
            legacy_windows=False,
            _environ={},
        )
        self.restart(SIZES[0])

    def restart(self, size) -> None:
        """Both emulators at a new size; what they show is not sure until all is painted again."""
        self.theirs, self.ours = QuickScreen(*size), Emulator(*size)
        self.their_stream, self.our_stream = pyte.Stream(self.theirs), Stream(self.ours)
        self.their_stream.feed("\x1b[?7l")
        # A frame for another size would scroll that emulator: nothing before the first whole one.
        self.stale = True
        self.strict = StrictTerminal(self.capabilities, *size)

    def start_application_mode(self) -> None:
        super().start_application_mode()
        self._pacer.hold()

    def show(self, update) -> None:
        super().show(update)
        if isinstance(update, LayoutUpdate):
            self.stale = update.region.size != (self.theirs.columns, self.theirs.lines)
        if not self.stale:
            self.their_stream.feed(update.render_segments(self._app.console))

    def paint(self) -> None:
        """Send what is new, as the pacer would."""
        codes = self.next_bytes(None).decode()
        self.our_stream.feed(codes)
        self.strict.feed(codes)

    def compare(self, step: int, what: str) -> None:
        self.paint()
        cursor = place(self._app)
        if cursor is not None:
            assert cursor == (self.ours.cursor.x, self.ours.cursor.y), (
                f"the cursor after step {step} ({what})"
            )
        theirs, ours = self.seen(self.theirs, True), self.seen(self.ours, False)
        if theirs != ours:
            cells = [
                (x, y, cell, other)
                for y, (row, others) in enumerate(zip(theirs, ours, strict=True))
                for x, (cell, other) in enumerate(zip(row, others, strict=True))
                if cell != other
            ]
            raise Difference(
                step, what, "\n".join(self.ours.display), "\n".join(self.theirs.display), cells[:3]
            )

    def seen(self, screen, stock: bool):
        """The cells as this terminal can show them."""
        return [[seen_cell(self.capabilities, stock, cell) for cell in row] for row in pyte_cells(screen)]


@lru_cache(1 << 14)
def seen_cell(capabilities: Capabilities, stock: bool, cell):
    """One of pyte's cells as this terminal can show it."""
    sign, back, rest = cell
    shown = sign if capabilities.utf8 or not stock else as_ascii(sign) or " "
    if not capabilities.colours:
        return shown
    if not capabilities.off_codes and rest is not None:
        fore, bold, underscore, reverse, _, _, blink = rest
        return shown, back, fore, bold, underscore, reverse, blink
    return shown, back, rest


async def campaign(
    subject: str, capabilities: Capabilities, steps: int, seed: int, theme: str = "ansi-dark"
) -> int:
    """Random keys, events from outside and resizes; returns the steps done. Raises Difference."""
    chance = random.Random(seed)
    done = 0

    class Driver(Twins):
        pass

    Driver.capabilities = capabilities
    running = SUBJECTS[subject](Driver, theme)

    async def drive(pilot):
        nonlocal done
        driver = pilot.app._driver
        await pilot.pause(0)
        driver.compare(0, "start")
        while done < steps:
            what = []
            for _ in range(chance.randrange(1, 20)):
                what.append(await one(chance, pilot, driver, running))
                done += 1
                if chance.random() < 0.4:
                    await pilot.pause(0)
                    driver.paint()
            await pilot.pause(0)
            driver.compare(done, ", ".join(what))
        running.end()

    await running.app.run_async(auto_pilot=drive, mouse=False)
    return done


def key_of(name: str) -> Key:
    """The token of a key by its name."""
    return (
        Key("", name) if len(name) == 1 else Key(name, {"enter": "\r", "tab": "\t", "space": " "}.get(name))
    )


async def one(chance: random.Random, pilot, driver, running) -> str:
    app = pilot.app
    kind = chance.random()
    if kind < 0.6:
        key = chance.choice(running.keys)
        driver.process_message(event_for(key_of(key)))
        return f"key {key}"
    if kind < 0.97:
        return running.happen(chance, utf8=driver.capabilities.utf8)
    size = chance.choice(SIZES)
    driver.session.adopt_size(size, "test")
    driver.session.painter.forget()
    driver.restart(size)
    app.post_message(events.Resize(Size(*size), Size(*size)))
    while driver.stale:
        await pilot.pause(0)
        app.screen.refresh(layout=True)
    await pilot.pause()
    return f"resize {size}"


def main() -> None:
    """SUBJECT NUMBER THEME STEPS SEED: one campaign. Each needs a process of its own.

    Rich keeps the codes of a style, whatever the number of colours.
    """
    subject, number, theme, steps, seed = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
    capabilities = SETS_TO_TRY[number]
    done = asyncio.run(campaign(subject, capabilities, int(steps), int(seed), theme))
    signs = "Unicode" if capabilities.utf8 else "ASCII"
    print(f"{done} steps equal: {subject}, {capabilities.name}, {capabilities.colours} colours, {signs}")


if __name__ == "__main__":
    main()
