"""The console as a running program: its way to the agent, its end, and what it leaves when it crashes."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from screens.desk.agent import Connection
from screens.desk.private import Nobody, Private
from screens.desk.start import Start
from screens.shell.app import TmTui
from screens.terminal.driver import SlowLineDriver

if TYPE_CHECKING:
    from pathlib import Path

    from screens.desk.agent import Connect
    from screens.desk.left import Left
    from tm_tui.clock import Clock
    from tm_tui.paths import Home

__all__ = ["make_app", "run"]


def run(
    home: "Home",
    *,
    fill: "Path | None" = None,
    again: "Left | None" = None,
    locked: bool = False,
    developing: bool = False,
) -> "tuple[int, Left | None]":
    """Show the console of this home until the admin leaves.

    Returns the exit code (0 done, 1 it failed) and, after a crash, where it was. Without an agent a private
    one is started, unless the console is `locked`. `fill` is a settings.toml whose values stand on the form,
    unsaved. `developing` tells a bug with all that is known of it. Raises TmError when `fill` cannot be read
    or the control socket's path is too long.
    """
    if again is not None:
        start = Start.again(again)
    elif fill is not None:
        from screens.desk.fill import read_fill

        start = Start.filled(read_fill(fill))
    else:
        start = Start()
    gc.freeze()  # what the imports made stays
    gc.enable()
    return asyncio.run(_run(home, start, locked=locked, developing=developing))


def make_app(
    connect: "Connect",
    *,
    tty: str = "",
    start: Start | None = None,
    clock: "Clock | None" = None,
    writes: bool = True,
    tells_all: bool = False,
) -> TmTui:
    """The console's app, made within its loop, the product's as that of the tests.

    A bug in what the loop calls ends it as one in a message does. Reports of bugs are files: not without
    `writes`.
    """
    app = TmTui(connect, clock=clock, tty=tty, start=start, driver_class=SlowLineDriver)
    app.crash_reports, app.tells_all = writes, tells_all

    def fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and app.is_running:
            app.crashed(error)
        else:
            loop.default_exception_handler(context)

    asyncio.get_running_loop().set_exception_handler(fault)
    return app


async def _run(home: "Home", start: Start, *, locked: bool, developing: bool) -> "tuple[int, Left | None]":
    socket, identity = home.control_socket, os.urandom(8).hex()
    async with Nobody() if locked else Private(home) as private:

        @asynccontextmanager
        async def connect() -> AsyncIterator[Connection]:
            from tm_tui.api.client import ControlClient

            ours = await private.ready()
            async with ControlClient(socket, session=identity) as client:
                yield Connection(client, ours, identity)

        app = make_app(connect, tty=_tty_name(), start=start, writes=not locked, tells_all=developing)
        code = await app.run_async(mouse=False)
    return code if code is not None else app.return_code or 0, app.left


def _tty_name() -> str:
    try:
        return os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    except (OSError, ValueError):
        return ""
