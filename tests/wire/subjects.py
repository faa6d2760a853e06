"""What the twins run: the sample app, and the real console with an agent that does things by chance."""

import random

from screens.shell.app import TmTui
from tests.wire.real import OrderedAgent
from tests.wire.sample import OurSample

_MOVES = ["up", "down", "left", "right", "enter", "tab", "shift+tab", "home", "end", "space", "backspace"]
_WORDS = [
    "ok",
    "FAIL",
    "beat",
    "10.0.0.1",
    "ssh-auth-refused",
    "----------",
    "│",
    "漢字",
    "\x1b[2J\x1b[31mred",
    "é",
    "    ",
]


def line_of_words(chance: random.Random, *, utf8: bool) -> str:
    """A line that a terminal without UTF-8 shows in as many columns."""
    line = " ".join(chance.choice(_WORDS) for _ in range(chance.randrange(1, 9))).replace("\x1b", "")
    return line if utf8 else line.replace("漢字", "kanji")


class SampleSubject:
    """The sample app: a tree, a form, a log."""

    keys = (*_MOVES, "a", "Z", "9")

    def __init__(self, driver_class, theme: str) -> None:
        class App(OurSample):
            def get_driver_class(self):
                return driver_class

        self.app = App()
        self.app.theme = theme

    def happen(self, chance: random.Random, *, utf8: bool) -> str:
        """Something from outside."""
        if chance.random() < 0.5:
            line = line_of_words(chance, utf8=utf8)
            for _ in range(chance.randrange(1, 4)):
                self.app.order("log", line)
            return f"log {line!r}"
        self.app.order("tick", str(chance.randrange(1000)))
        return "tick"

    def end(self) -> None:
        """Leave."""
        self.app.exit()


class Console(TmTui):
    """The console; no key leaves it before the campaign is over."""

    may_leave = False

    def exit(self, *args, **keywords) -> None:
        if self.may_leave:
            super().exit(*args, **keywords)


class ConsoleSubject:
    """The real console: forms, dialogs, help, palette, test pane, Activity; an agent that comes and goes."""

    keys = (
        *_MOVES * 3,
        *("a", "Z", "9", "/", "escape", "escape", "pageup", "pagedown"),
        *("f1", "f2", "f3", "f4", "f5", "ctrl+p", "ctrl+x"),
    )

    def __init__(self, driver_class, theme: str) -> None:
        self.agent = OrderedAgent()
        self.app = Console(self.agent.connect, clock=self.agent.clock, tty="ttyS0", driver_class=driver_class)

    def happen(self, chance: random.Random, *, utf8: bool) -> str:
        """Something that the agent does, or a second that passes."""
        kind = chance.choice(
            ["second", "beat", "status", "log", "log", "log", "step", "step", "test", "gone"]
        )
        if kind == "gone":
            kind = "gone" if self.agent.alive and chance.random() < 0.3 else "back"
        rest = ""
        if kind in {"beat", "status"}:
            rest = str(chance.randrange(59))
        elif kind in {"log", "test"}:
            rest = line_of_words(chance, utf8=utf8)
        for _ in range(chance.randrange(1, 12) if kind == "log" else 1):
            self.agent.order(kind, rest)
        return f"{kind} {rest!r}"

    def end(self) -> None:
        """Leave."""
        self.app.may_leave = True
        self.app.exit()


SUBJECTS = {"sample": SampleSubject, "console": ConsoleSubject}
