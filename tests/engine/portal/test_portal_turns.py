"""Two web processes on PostgreSQL: what comes to both at once is taken once, and a dead one holds nothing."""

import asyncio
import contextlib
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import httpx
import pytest
from portals import ANY_APPLIANCE, RunningPortal, batch, running
from test_portal_cases import CHUNK, created, offset, patch
from test_portal_processes import FOLDER, on_server, role

from tm_tui.clock import SystemClock
from tm_tui.portal import index, jobs
from tm_tui.portal.database import opened
from tm_tui.portal.home import PortalHome
from tm_tui.portal.settings_file import read_settings
from tm_tui.portal.turns import turn

__all__ = ["on_server"]  # a fixture


class Hanging:
    """A PATCH of a case's first bytes that never goes on."""

    def __init__(self, client: httpx.AsyncClient, location: str, first: bytes, size: int) -> None:
        self._first = first
        headers = {**CHUNK, "Upload-Offset": "0", "Content-Length": str(size)}
        self.reply = asyncio.create_task(client.patch(location, content=self._sent(), headers=headers))

    async def _sent(self) -> AsyncIterator[bytes]:
        yield self._first
        await asyncio.Event().wait()

    async def end(self) -> None:
        self.reply.cancel()
        await asyncio.wait({self.reply})


async def is_held(home: Path, location: str) -> None:
    """Wait until some process has the turn of an upload."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(TimeoutError):
                async with turn(PortalHome(home).turns, location.rpartition("/")[2], 0, SystemClock()):
                    await asyncio.sleep(0)
                    continue
            return


async def test_the_same_part_at_two_processes_counts_once(on_server: Path) -> None:
    """One is told 204; the other that it stands elsewhere, or that a newer request took over."""
    data = os.urandom(20_000)
    async with contextlib.AsyncExitStack() as stack:
        processes = [stack.enter_context(role(on_server, "web")) for _ in range(2)]
        await processes[0].register()
        one, two = [await stack.enter_async_context(web.status_server()) for web in processes]
        for round_ in range(1, 6):
            location = await created(one, len(data), sha256=hashlib.sha256(data).hexdigest())
            replies = await asyncio.gather(*(patch(client, location, 0, data) for client in (one, two)))
            codes = {reply.status_code: reply for reply in replies}
            assert min(codes) == 204
            assert len(codes) == 2
            refused = codes[max(codes)]
            assert (refused.status_code, refused.json()["error"]["code"]) in {
                (409, "wrong-offset"),
                (423, "locked"),
            }
            assert await offset(two, location) == len(data)
            found = (await two.get("/v1/cases")).json()["cases"]
            assert [case["case_id"] for case in found] == [f"C-{n:06d}" for n in range(round_, 0, -1)]
            file = await one.get(f"/v1/cases/C-{round_:06d}/file", auth=processes[0].operator)
            assert file.content == data


async def test_a_newer_request_at_another_process_takes_over(on_server: Path) -> None:
    """The older one, whose connection hangs, is ended and told so; its late bytes count for nothing."""
    with role(on_server, "web") as first, role(on_server, "web") as second:
        await first.register()
        async with first.status_server() as old, second.status_server() as new:
            location = await created(old, 6)
            hanging = Hanging(old, location, b"xyz", 6)
            await is_held(on_server, location)
            assert (await patch(new, location, 0, b"abcdef")).status_code == 204
            async with asyncio.timeout(30):
                while (423, "PATCH") not in {
                    (line.get("status"), line.get("method")) for line in first.logged()
                }:
                    await offset(new, location)
            await hanging.end()
            file = await new.get("/v1/cases/C-000001/file", auth=second.operator)
            assert file.content == b"abcdef"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_process_that_died_or_stands_still_keeps_no_upload(on_server: Path, number: int) -> None:
    """Killed, it lets go at once. Stopped, it is waited for, then 423; what it sends is too late."""
    with role(on_server, "web") as first, role(on_server, "web") as second:
        await first.register()
        async with first.status_server() as old, second.status_server() as new:
            location = await created(old, 6)
            hanging = Hanging(old, location, b"xyz", 6)
            await is_held(on_server, location)
            os.kill(first.process.pid, number)
            reply = await patch(new, location, 0, b"abcdef")
            if number == signal.SIGSTOP:
                assert (reply.status_code, reply.json()["error"]["code"]) == (423, "locked")
                os.kill(first.process.pid, signal.SIGCONT)
                reply = await patch(new, location, 0, b"abcdef")
            assert reply.status_code == 204
            await hanging.end()
            file = await new.get("/v1/cases/C-000001/file", auth=second.operator)
            assert file.content == b"abcdef"


async def test_the_same_batch_at_two_processes_is_entered_once(on_server: Path) -> None:
    """One is told 201, the other 412; it is there once, and is read once."""
    with role(on_server, "web") as first, role(on_server, "web") as second:
        await first.register()
        async with first.log_server() as one, second.log_server() as two:
            for sequence in range(1, 6):
                name, packed = batch(first=sequence * 100, count=50)
                replies = await asyncio.gather(
                    *(client.put(f"/{FOLDER}/{name}", content=packed) for client in (one, two))
                )
                assert sorted(reply.status_code for reply in replies) == [201, 412]
        with opened(read_settings(on_server, {}).database, reading=True) as connection:
            entered = [one.name for one in index.listed(connection)]
            asked = [job.what for job in jobs.waiting(connection, "read")]
        assert len(entered) == 5
        assert sorted(entered) == sorted(asked)


async def test_an_upload_over_ssh_goes_on_at_another_process(on_server: Path) -> None:
    """Its bytes are there; the session that was given up can add nothing more, wherever it is."""
    name, packed = batch(count=3000)
    part = f"{FOLDER}/{name}.part"

    def ssh() -> contextlib.AbstractContextManager[RunningPortal]:
        return running(on_server, "serve", "--role", "ssh")

    with role(on_server, "web") as web, ssh() as first, ssh() as second:
        await web.register()
        async with first.sftp() as old, second.sftp() as new:
            await old.makedirs(FOLDER, exist_ok=True)
            stale = await old.open(part, "wb")
            await stale.write(packed[:1000], 0)
            async with new.open(part, "r+b") as file:
                assert await file.read() == packed[:1000]
                with pytest.raises(asyncssh.SFTPFailure, match="taken over"):
                    await stale.write(b"late", 0)
                await file.write(packed[1000:], 1000)
            await new.posix_rename(part, part.removesuffix(".part"))
            with pytest.raises(asyncssh.SFTPFailure, match="taken over"):
                await stale.write(b"late", 0)
        assert web.batches_of(ANY_APPLIANCE)[name] == packed
