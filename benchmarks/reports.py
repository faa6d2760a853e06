"""Reading a report: bytes for each action at 80x24, beside `less` on the same text; and the console's memory.

python -m benchmarks.reports [--term vt100]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.wire.ptys import Pty
from tm_tui.api.requests import SecretChanges
from tm_tui.demo.logs import lines_of, some_events
from tm_tui.demo.stage import Stage, stage
from tm_tui.markdown_rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = 0.4
DOWN = "\x1b[B"
ACTIONS = (
    ("a page on", " "),
    ("a row down", DOWN),
    ("search", "/hide\r"),
    ("next place", "n"),
    ("next place", "n"),
)


async def prepared(running: Stage) -> str:
    """Deliver logs, wait for reports; the text of the newest monthly one."""
    await running.save(running.settings("ssl", enabled=True), SecretChanges(tmsp=running.password), "bench")
    await running.client.add_events(lines_of(some_events("b", 60, datetime.now(UTC))))
    async for status in running.client.status_stream():
        if status.state == "connected":
            break
    reply = await running.client.send_logs()
    while not reply.done:
        reply = await running.client.sent(reply.number)
    command = [sys.executable, "-m", "tm_tui.cli", "portal", "report", "make", "monthly"]
    made = await asyncio.create_subprocess_exec(*command, "--home", str(running.folder / "portal"))
    await made.wait()
    async for status in running.client.status_stream():
        if status.reports.newest is not None and status.reports.newest.kind == "monthly":
            break
    document = await running.client.reports()
    return (await running.client.report(document.reports[0].number)).text


def played(terminal: Pty, name: str, do: Callable[[], None], found: list[tuple[str, int]]) -> None:
    """Do it, wait until it is quiet, note the bytes."""
    before = len(terminal.raw)
    do()
    terminal.settle(QUIET)
    found.append((name, len(terminal.raw) - before))


def ours(home: Path, term: str) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The console: bytes by action, and resident kilobytes at some moments."""
    environ = {"TERM": term, "TM_TUI_HOME": str(home)}
    found: list[tuple[str, int]] = []
    memory: list[tuple[str, int]] = []
    with Pty([sys.executable, "-m", "screens"], environ=environ) as terminal:
        terminal.until_text("TMSP  CONNECTED")
        terminal.settle(QUIET)
        memory.append(("console at its start", resident(terminal)))
        for _ in range(2):
            terminal.type(DOWN)
            terminal.settle(QUIET)
        played(terminal, "to the list", lambda: terminal.type(DOWN), found)
        terminal.type("\r")
        terminal.settle(QUIET)
        played(terminal, "open", lambda: terminal.type("\r"), found)
        terminal.until_text("Space turns")
        for name, keys in ACTIONS:
            played(terminal, name, lambda keys=keys: terminal.type(keys), found)
        terminal.type("\x1b")  # drops the search
        terminal.settle(QUIET)
        played(terminal, "back to the list", lambda: terminal.type("\x1b"), found)
        memory.append(("after reading", resident(terminal)))
    return found, memory


def resident(terminal: Pty) -> int:
    """Kilobytes of the console's process."""
    text = Path(f"/proc/{terminal.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))


def with_less(text: str, term: str) -> list[tuple[str, int]]:
    """The same rows in less, with the same keys."""
    found: list[tuple[str, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        path.write_text("\n".join(row.text for row in rows_of(text, 78)), encoding="utf-8")
        with Pty(["less", "-i", str(path)], environ={"TERM": term, "LESSHISTFILE": "-"}) as terminal:
            terminal.until_text("Monthly report")
            terminal.settle(QUIET)
            found.append(("open", len(terminal.raw)))
            for name, keys in ACTIONS:
                played(terminal, name, lambda keys=keys: terminal.type(keys), found)
            terminal.type("q")
    return found


async def main(term: str) -> None:
    """Print the table."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(stage())
        text = await prepared(running)
        mine, memory = await asyncio.to_thread(ours, running.folder / "appliance", term)
        peer = dict(reversed(await asyncio.to_thread(with_less, text, term)))
    print(f"{'bytes, TERM=' + term:24}{'ours':>8}{'less':>8}{'ours/less':>11}")
    for name, count in mine:
        other = peer.get(name)
        print(f"{name:24}{count:8}{other or '-':>8}{f'{count / other:11.2f}' if other else ''}")
    for name, kilobytes in memory:
        print(f"{name:24}{kilobytes / 1024:8.1f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--term", default="vt100")
    if subprocess.run(["less", "--version"], stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit("less is missing")
    os.umask(0o077)
    asyncio.run(main(parser.parse_args().term))
