"""The agent as a process: `tm-tui agent`, in the foreground, under systemd or a console that has none."""

import asyncio
import atexit
import ctypes
import faulthandler
import logging
import os
import signal
from collections.abc import Callable

from tm_tui.agent.agent import Agent
from tm_tui.agent.folders import agent_lock, prepare_folders
from tm_tui.agent.journal import set_up_log
from tm_tui.agent.notify import Notifier
from tm_tui.agent.server.control_server import ControlServer, control_app
from tm_tui.agent.server.control_socket import bind_control_socket, unbind
from tm_tui.harden import harden, raise_descriptors
from tm_tui.paths import Home

__all__ = ["give_memory_back", "run"]

_log = logging.getLogger(__name__)

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # mallopt(3)
"""What the agent may have open at once, where the system permits it: the usual 1,024 are soon gone."""
_LAST_WORD_SECONDS = 1.7
"""After this the process ends whatever still hangs (a name look-up cannot be cancelled)."""


def run(home: Home, *, ready: Callable[[], None] | None = None) -> int:
    """Run until SIGTERM or SIGINT; SIGHUP reads the settings again. Return the exit code.

    `ready` is called once the control socket is served. Raises AgentRuns when another agent has this home,
    StorageFailed when its folders cannot be used.
    """
    harden()
    faulthandler.enable()  # the watchdog's SIGABRT then leaves where each thread hung, without values
    give_memory_back()
    raise_descriptors()
    set_up_log()
    socket_path = home.control_socket
    prepare_folders(home)
    with agent_lock(home.state):
        asyncio.run(_serve(home, ready or _nothing))
        unbind(socket_path)
    return 0


def _nothing() -> None:
    """Nobody waits to be told."""


def give_memory_back() -> None:
    """Let large buffers (batches on their way) go back to the system when they are freed.

    Left to itself, the GNU C library takes them from its heaps, of which each thread has one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, and need none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 256 << 10)
        mallopt(_M_ARENA_MAX, 2)


async def _serve(home: Home, ready: Callable[[], None]) -> None:
    notifier = Notifier()
    ending = _on_signals()
    agent = await Agent.open(home)
    server = ControlServer(control_app(agent))
    await server.begin(bind_control_socket(home.control_socket))
    reloading = _on_hangup(agent, notifier)
    watchdog = asyncio.create_task(_feed_watchdog(notifier, agent))
    _log.info("The agent serves %s as process %d.", home.control_socket, os.getpid())
    notifier.ready(f"Appliance {agent.appliance}")
    ready()
    await ending.wait()
    _log.info("The agent ends.")
    notifier.stopping()
    _end_soon_in_any_case(home)
    watchdog.cancel()
    reloading.cancel()
    await asyncio.gather(agent.stop(), server.end())
    await agent.close()


def _on_signals() -> asyncio.Event:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    return ending


def _on_hangup(agent: Agent, notifier: Notifier) -> asyncio.Task[None]:
    """Reload at each SIGHUP, one after the other."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)

    async def reload() -> None:
        while await asked.wait():
            asked.clear()
            notifier.reloading()
            await agent.reload()
            notifier.ready(f"Appliance {agent.appliance}")

    return asyncio.create_task(reload())


async def _feed_watchdog(notifier: Notifier, agent: Agent) -> None:
    """Say that all is well only while the event loop turns and the log queue's thread does its work."""
    while notifier.watchdog_seconds is not None:
        await agent.spool.pulse()
        notifier.alive()
        await asyncio.sleep(notifier.watchdog_seconds)


def _end_soon_in_any_case(home: Home) -> None:
    def end(_number: int, _frame: object) -> None:
        unbind(home.control_socket)
        os._exit(0)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, _LAST_WORD_SECONDS)
    # An interpreter that takes itself down has no handlers any more: the alarm would end it like a crash.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0.0)
