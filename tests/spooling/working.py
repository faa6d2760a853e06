"""A delivery service at work, without the agent that runs it otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tm_tui.delivery.service import DeliveryService
from tm_tui.tasks import end

__all__ = ["at_work"]


@asynccontextmanager
async def at_work(service: DeliveryService) -> AsyncIterator[DeliveryService]:
    """Begin, and end it again."""
    await service.begin()
    task = asyncio.create_task(service.work())
    try:
        yield service
    finally:
        await end({task})
