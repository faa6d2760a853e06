"""A private agent for a console that finds none: it lives exactly as long as the console does."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tm_tui.api.failures import AgentAbsent, AgentDenied
from tm_tui.errors import TmError
from tm_tui.paths import Home
from tm_tui.text import safe_text

__all__ = ["AgentProcess", "agent_listens", "private_agent"]

_START_LIMIT = 20.0
_STOP_LIMIT = 5.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


def agent_listens(home: Home) -> bool:
    """Tell whether somebody listens on the home's control socket; who it is, the first question shows.

    Raises AgentDenied when this user may not open it, and StorageFailed when its path is too long.
    """
    path = home.control_socket
    with socket.socket(socket.AF_UNIX) as asked:
        asked.setblocking(False)
        try:
            asked.connect(str(path))
        except BlockingIOError:
            return True  # others wait for it to accept them (unix(7), EAGAIN)
        except PermissionError:
            raise AgentDenied(path) from None
        except OSError:
            return False
    return True


@asynccontextmanager
async def private_agent(home: Home) -> AsyncIterator[bool]:
    """Yield False if an agent runs already, else start one, yield True, and end it afterwards.

    Raises TmError when the agent does not come up; its own words are in `state/private-agent.log`.
    """
    if agent_listens(home):
        yield False
        return
    _refuse_foreign(home.state)
    try:
        home.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        from tm_tui.atomic import storage_failure

        raise storage_failure(home.state, error) from None
    async with AgentProcess(home.state / "private-agent.log"):
        yield True


def _refuse_foreign(state: Path) -> None:
    """A home of the service's user has no place for an agent of ours, root's least of all. AgentAbsent."""
    with suppress(OSError):
        if state.lstat().st_uid != os.geteuid():
            cause = f"No agent answers, and {safe_text(str(state))} belongs to another user."
            raise AgentAbsent(cause, "Start the service: `systemctl start tm-tui-agent`.")


class AgentProcess:
    """`tm-tui agent` as a child that ends with this process, whatever ends it.

    The environment says where its home is; `log` receives what it writes (mode 0600, made anew).
    """

    def __init__(self, log: Path, environ: dict[str, str] | None = None) -> None:
        self._log = log
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The child's process id."""
        if self._process is None:
            raise RuntimeError("the agent was not started")
        return self._process.pid

    async def __aenter__(self) -> "AgentProcess":
        """Start it."""
        await self.start()
        return self

    async def start(self) -> None:
        """Start it, the first time or after its end, and wait until it serves (sd_notify's READY=1)."""
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        with ready:
            ready.bind("")  # Linux gives an abstract address (unix(7), autobind)
            address = "@" + ready.getsockname()[1:].decode("ascii")
            environ = {**(os.environ if self._environ is None else self._environ), "NOTIFY_SOCKET": address}
            descriptor = _log_file(self._log)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tm_tui.cli", "agent"),
                    env=environ,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=descriptor,
                    stderr=descriptor,
                    start_new_session=True,
                    preexec_fn=_end_with_parent(os.getpid()),
                )
            finally:
                os.close(descriptor)
            try:
                await self._wait_until_ready(ready)
            except BaseException:
                await self.stop()
                raise

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        await self.stop()

    async def _wait_until_ready(self, ready: socket.socket) -> None:
        assert self._process is not None  # noqa: S101 # `start` has just set it
        ended = asyncio.create_task(self._process.wait())
        told = asyncio.create_task(_read_until_ready(ready))
        try:
            done, _ = await asyncio.wait(
                {ended, told}, timeout=_START_LIMIT, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ended.cancel()
            told.cancel()
        if told not in done:
            words = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            cause = safe_text(words[-1]) if words else "It said nothing."
            raise TmError(f"The agent did not start: {cause}", f"All it said is in {self._log}.")

    async def kill(self) -> None:
        """SIGKILL, as a power cut would end it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_LIMIT):
                await process.wait()
        except TimeoutError:
            await self.kill()


def _log_file(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        from tm_tui.atomic import storage_failure

        raise storage_failure(path, error) from None


async def _read_until_ready(ready: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while b"READY=1" not in (await loop.sock_recv(ready, 4096)).split(b"\n"):
        pass


def _end_with_parent(parent: int) -> Callable[[], None]:
    import ctypes  # only where an agent is started

    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the request was in force
            os._exit(1)

    return prepare
