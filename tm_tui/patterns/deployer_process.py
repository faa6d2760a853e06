"""One run of the deployer: bounded in time and output, its whole process group ended with it."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tm_tui.patterns.deployer_protocol import Deployer, DeployerFailure, DeployerLine, line_of
from tm_tui.text import safe_text

__all__ = ["run_deployer"]

_log = logging.getLogger(__name__)

_LONGEST_LINE = 16 << 10
_MOST_OUTPUT = 1 << 20
_MOST_GARBAGE = 100
_LAST_WORDS = 300
_PIECE = 64 << 10
_END_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REMEDY = "Look into the mitigation engine's own log. What was not done is tried again."

Took = Callable[[DeployerLine], Awaitable[bool]]
"""Is given each result; False: nobody asked for it."""


async def run_deployer(deployer: Deployer, request: bytes, wanted: int, took: Took) -> DeployerFailure | None:
    """Run it until it ends or has said all that was `wanted`. Returns what went wrong.

    Cancelled, it takes the command with it.
    """
    try:
        process = await _started(deployer)
    except (OSError, ValueError) as error:
        name = safe_text(Path(deployer.argv[0]).name, 60)
        reason = getattr(error, "strerror", None) or type(error).__name__
        return DeployerFailure("deployer-unusable", f"{name} cannot be started: {reason}.", _REMEDY)
    run = _Run(deployer, process, wanted, took)
    try:
        return await run.until_end(request)
    finally:
        await _ended(process)


async def _started(deployer: Deployer) -> asyncio.subprocess.Process:
    """Start the command. It may be at work before this returns; cancelled, it ends the whole group too.

    asyncio would kill the command alone, and leave what the command has started.
    """
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *deployer.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            env={"PATH": _PATH, "LANG": "C.UTF-8"},
            limit=_PIECE,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError, ValueError):
            await _ended(await starting)
        raise


class _Run:
    """What came so far."""

    def __init__(
        self, deployer: Deployer, process: asyncio.subprocess.Process, wanted: int, took: Took
    ) -> None:
        self._deployer = deployer
        self._process = process
        self._wanted = wanted
        self._took = took
        self._size = self._garbage = self._done = 0
        self._words = b""

    async def until_end(self, request: bytes) -> DeployerFailure | None:
        others = [asyncio.create_task(self._give(request)), asyncio.create_task(self._listen())]
        try:
            problem = await self._results()
            if problem is None:
                problem = await self._its_end()
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        if problem is not None and self._words:
            _log.warning("The deployer said: %s", safe_text(self._words.decode("utf-8", "replace"), 300))
        return problem

    async def _give(self, request: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101  a pipe was asked for; so below
        with suppress(OSError):  # it need not read all, or anything
            stdin.write(request)
            await stdin.drain()
            stdin.close()

    async def _listen(self) -> None:
        """Keep the end of what it complains about; the rest is let go."""
        stderr = self._process.stderr
        assert stderr is not None  # noqa: S101
        while piece := await stderr.read(_PIECE):
            self._words = (self._words + piece)[-_LAST_WORDS:]

    async def _results(self) -> DeployerFailure | None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101
        rest = b""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deployer.seconds) as limit:
                while self._done < self._wanted and (piece := await stdout.read(_PIECE)):
                    self._size += len(piece)
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        if await self._line(line):
                            limit.reschedule(loop.time() + self._deployer.seconds)
                    if self._too_much(rest):
                        cause = "The deployer prints more than results, or none that can be understood."
                        return DeployerFailure("deployer-output", cause, _REMEDY)
        except TimeoutError:
            cause = f"The deployer gave no result for {self._deployer.seconds:g} s and was ended."
            return DeployerFailure("deployer-timeout", cause, _REMEDY)
        if rest.strip() and self._done < self._wanted:
            await self._line(rest)
        return None

    async def _line(self, line: bytes) -> bool:
        """Take one line; True if it was a result that was wanted."""
        found = line_of(line) if len(line) <= _LONGEST_LINE else None
        if found is not None and await self._took(found):
            self._done += 1
            return True
        self._garbage += bool(line.strip())
        return False

    def _too_much(self, rest: bytes) -> bool:
        return len(rest) > _LONGEST_LINE or self._size > _MOST_OUTPUT or self._garbage > _MOST_GARBAGE

    async def _its_end(self) -> DeployerFailure | None:
        """Its results or its output have ended: let it end by itself, and see how."""
        try:
            async with asyncio.timeout(_END_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            code = 0
        left = self._wanted - self._done
        if not left:
            return None
        if code == 0:
            cause = f"The deployer ended without a result for {left} of its endpoints."
            return DeployerFailure("deployer-incomplete", cause, _REMEDY)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return DeployerFailure("deployer-crashed", f"The deployer ended {how} before it was done.", _REMEDY)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End the whole group: what the command has started does not outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            # Its end is only told once its pipes have ended, and full ones do not end by themselves.
            await asyncio.gather(_let_go(process.stdout), _let_go(process.stderr), process.wait())
    except TimeoutError:  # somebody outside the group holds a pipe open
        process._transport.close()  # type: ignore[attr-defined]


async def _let_go(stream: asyncio.StreamReader | None) -> None:
    while stream is not None and await stream.read(_PIECE):
        pass
