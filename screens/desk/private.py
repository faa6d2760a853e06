"""A private agent beside the console: started while the screen is painted already, ended when it is left."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tm_tui.errors import TmError

if TYPE_CHECKING:
    from tm_tui.paths import Home

__all__ = ["PRIVATE", "Nobody", "Private"]

PRIVATE = "Beats and logs stop with this console."


class Private:
    """One task holds the agent from start to end, whatever becomes of the screen."""

    def __init__(self, home: "Home") -> None:
        self._home = home
        self._leave = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._started: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        if self._task is None:
            return
        if not self._started.done():
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def ready(self) -> bool:
        """See to an agent, and wait for it; True if it is ours.

        Raises TmError, once, when it could not be started.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._hold())
        try:
            return await asyncio.shield(self._started)
        except TmError:
            self._started = asyncio.get_running_loop().create_future()
            self._started.set_result(False)
            raise

    async def _hold(self) -> None:
        from tm_tui.api.launch import private_agent

        try:
            async with private_agent(self._home) as ours:
                self._started.set_result(ours)
                await self._leave.wait()
        except TmError as error:
            self._failed(error)
        finally:
            self._started.cancel()  # nobody waits for ever, whatever happened

    def _failed(self, error: TmError) -> None:
        if not self._started.done():
            self._started.set_exception(error)


class Nobody:
    """In the place of a private agent where the console may start nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def ready(self) -> bool:
        """The agent is never ours."""
        return False
