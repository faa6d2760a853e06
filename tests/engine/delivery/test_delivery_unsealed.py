"""Events that cannot be put into a batch are not forgotten: delivery goes on trying and says so meanwhile."""

import errno
import os

from spooling import server_files
from spooling.events import numbered_line


async def test_no_inode_while_a_batch_is_sealed_is_tried_again_until_it_works(spool, server, running, clock):
    """One order is enough: it stays "retrying" with the disk's cause, and sends when a file can be made."""
    core, trace = spool._opened.core, spool._opened.core.trace

    def full(point):
        if point == "rename":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    core.trace = core.sealed._trace = full
    await spool.add([numbered_line(1)])
    async with running() as service:
        outcome = await service.send_now()
        assert outcome.failure is not None
        for _ in range(3):
            assert service.status().state == "retrying"
            assert "disk of the log queue is full" in service.status().last_failure.cause
            assert any("not in a batch" in alert for alert in spool.status().alerts)
            before = service.status().last_failure.count
            while service.status().last_failure.count == before:
                await clock.idle()
                await clock.advance(max(0.1, min(one for one in clock.pending() if one > 0)))
        core.trace = core.sealed._trace = trace
        while spool.status().events:
            await clock.idle()
            await clock.advance(max(0.1, min(one for one in clock.pending() if one > 0)))
            await spool.pulse()
        assert spool.status().alerts == ()
    server_files.check(server.folder, 1, 1)
