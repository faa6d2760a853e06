"""A task of the agent that follows the settings. The supervisor runs it, one run after the other."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar, final

from tm_tui.settings.store import Revision

__all__ = ["Service"]


class Service(ABC):
    """What a subclass does is `work`; all else has a default.

    A run has the settings as its argument, and owns what it `start`s: it is over when the last child is. The
    next one begins after that, so no two ever work at once.
    """

    name: ClassVar[str]
    _children: asyncio.TaskGroup

    def concerns(self, revision: Revision) -> object:  # noqa: ARG002  nothing of them
        """What of the settings it follows, as a value: while this stays equal, it is not run anew."""
        return None

    def prepare(self, revision: Revision) -> None:  # noqa: B027  most have nothing to show before they run
        """Show these settings at once. The run of the former ones may be ending still, and starts nothing."""

    def alerts(self) -> tuple[str, ...]:
        """Sentences that an admin must see now."""
        return ()

    @final
    async def run(self, revision: Revision) -> None:
        """Work under these settings until cancelled, or until they leave nothing to do. Only bugs raise."""
        async with asyncio.TaskGroup() as self._children:
            await self.work(revision)

    @abstractmethod
    async def work(self, revision: Revision) -> None:
        """The run itself."""

    def start(self, child: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """Work beside `work`: the run ends it, and waits for its end. A bug in it ends the run."""
        return self._children.create_task(child, name=name)
