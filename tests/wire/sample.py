"""A small app that looks like the sketch: a tree, a form, a log over the full width, a status line.

argv: "ours" or "stock" (which driver). Lines read from the descriptor in SAMPLE_ORDERS change it from
outside: "tick N", "log TEXT", "crash", "hang". Facts are written to the file in SAMPLE_FACTS, one a line.
"""

import asyncio
import os
import sys
import time
from collections import deque
from pathlib import Path

from rich.segment import Segment
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Button, ContentSwitcher, Input, Label, Static, Tree

from screens.terminal import SlowLineApp, TerminalOptions
from screens.terminal.driver import SlowLineDriver


class Tail(Widget):
    """The last lines of a log, and nothing but them."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.lines: deque[str] = deque(maxlen=100)

    def add(self, line: str) -> None:
        self.lines.append(line)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        lines = list(self.lines)[-self.size.height :]
        text = lines[y] if y < len(lines) else ""
        return Strip([Segment(text[: self.size.width].ljust(self.size.width), self.rich_style)])


class Sample:
    """What both apps share."""

    CSS = """
    Screen { layout: vertical; }
    #title { height: 1; text-style: reverse; }
    #middle { height: 1fr; }
    Tree { width: 20; border-right: ascii ansi_default; scrollbar-size: 0 0; }
    #page { width: 1fr; padding: 0 1; }
    Input { border: none; height: 1; padding: 0; }
    Button { border: none; height: 1; min-width: 10; margin: 0 1 0 0; }
    Tail { height: 5; border-top: ascii ansi_default; }
    #status { height: 1; }
    .row { height: 1; }
    .row Label { width: 16; }
    """
    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield Static(" Threat Mitigator  tm01.example.net", id="title")
        with Horizontal(id="middle"):
            tree: Tree[str] = Tree("Threat Mitigator")
            tree.root.expand()
            services = tree.root.add("Services", expand=True)
            for name in ("TMSP", "Proxy Settings", "Submit a Case", "Pattern Deploy", "Reports"):
                services.add_leaf(name, data=name)
            tree.root.add("Logs", expand=True).add_leaf("Activity", data="Activity")
            tree.cursor_line = 0
            tree.auto_expand = False
            yield tree
            with ContentSwitcher(id="page", initial="welcome"):
                yield Static("Nothing is chosen. Choose on the left.", id="welcome")
                with Vertical(id="form"):
                    for label, value in (
                        ("Log server", "logs.example.com"),
                        ("Port", "22"),
                        ("Status server", "status.example.com"),
                        ("User name", "tm01-register"),
                        ("E-mail", "ops@example.com"),
                    ):
                        with Horizontal(classes="row"):
                            yield Label(label)
                            yield Input(value, select_on_focus=False)
                    yield Static("For reference only; your own address is best.")
                    with Horizontal(classes="row"):
                        yield Button("Test F3", compact=True)
                        yield Button("Save F2", compact=True)
                        yield Button("Discard", compact=True)
        yield Tail(id="tail")
        yield Static("CONNECTED  beat 0 s ago", id="status")

    def on_mount(self) -> None:
        for each in self.query(Input):
            each.cursor_blink = False
        self.query_one(Tree).focus()
        orders = os.environ.get("SAMPLE_ORDERS")
        if orders:
            self._orders = b""
            asyncio.get_running_loop().add_reader(int(orders), self.read_orders, int(orders))
        self.fact("mounted")

    def read_orders(self, fd: int) -> None:
        data = os.read(fd, 65536)
        if not data:
            asyncio.get_running_loop().remove_reader(fd)
            return
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            self.order(*line.decode().partition(" ")[::2])

    def order(self, verb: str, rest: str) -> None:
        if verb == "tick":
            self.query_one("#status", Static).update(f"CONNECTED  beat {rest} s ago")
        elif verb == "status":
            number = int(rest)
            text = f"CONNECTED  beat {number} s ago {10 + number} ms, next in 4:{60 - number:02}"
            self.query_one("#status", Static).update(text)
        elif verb == "log":
            self.query_one(Tail).add(rest)
        elif verb == "crash":
            self.call_later(self.crash)
        elif verb == "hang":
            while True:
                pass
        elif verb == "facts":
            self.fact(f"inputs {[each.value for each in self.query(Input)]}")

    def crash(self) -> None:
        secret = "hunter2"
        raise RuntimeError(f"{secret} is the password")

    def on_tree_node_selected(self, message) -> None:
        self.query_one(ContentSwitcher).current = "form" if message.node.data == "TMSP" else "welcome"

    def on_key(self, event: events.Key) -> None:
        self.fact(f"key {event.key}")
        if event.key == "f10":
            self.exit()

    def on_paste(self, event: events.Paste) -> None:
        self.fact(f"paste {len(event.text)}")

    def on_resize(self, event: events.Resize) -> None:
        self.fact(f"size {event.size.width}x{event.size.height}")

    def fact(self, text: str) -> None:
        path = os.environ.get("SAMPLE_FACTS")
        if path:
            with Path(path).open("a") as file:
                file.write(text + "\n")


class OurSample(Sample, SlowLineApp[None]):
    """With our base class: the cursor in a field is the terminal's own."""


class StockSample(Sample, App[None]):
    """With Textual's base class."""


def build(kind: str):
    """The app, in the theme that SAMPLE_THEME names."""
    app = made(kind)
    app.theme = os.environ.get("SAMPLE_THEME", app.theme)
    return app


def made(kind: str):
    options = TerminalOptions(
        terminal=os.environ.get("SAMPLE_TERMINAL"),
        ascii={"0": False, "1": True}.get(os.environ.get("SAMPLE_ASCII", "")),
        mono={"0": False, "1": True}.get(os.environ.get("SAMPLE_MONO", "")),
    )
    if kind == "stock":
        return StockSample()
    if kind == "driver":  # an app that only names the driver
        app = StockSample(driver_class=SlowLineDriver)
        app.terminal_options = options
        return app
    app = OurSample()
    app.terminal_options = options
    return app


if __name__ == "__main__":
    started = time.monotonic()
    running = build(sys.argv[1])
    running.run(mouse=False)
    sys.exit(running.return_code or 0)
