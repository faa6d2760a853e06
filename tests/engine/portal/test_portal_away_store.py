"""The object store goes away: what needs it is refused in words, and nothing is lost."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from portals import beat, ndjson, running, sealed, threat_event, with_settings
from test_portal_away import FOLDER, answered_again, clients, endpoints, every_kind, words
from test_portal_cases import created, offset, patch

from servers.buckets import KEYS, Buckets
from servers.gate import Gate, gate_before

pytestmark = pytest.mark.one_store("each test says where its portal keeps things")

BUSY = (
    b"HTTP/1.1 503 Slow Down\r\ncontent-length: 71\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"
)


def change(gate: Gate, how: str) -> None:
    """Have the object store go away in one of three ways."""
    {"refuses": gate.close, "silent": gate.silence, "busy": lambda: gate.answer(BUSY)}[how]()


@contextlib.contextmanager
def gated(home: Path, buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A home whose blobs lie behind a gate."""
    for key, value in KEYS.items():
        monkeypatch.setenv(key, value)
    with gate_before(buckets.endpoint) as gate:
        with_settings(home, f'blobs = "{buckets.new().replace(buckets.endpoint, gate.address)}"\n')
        yield gate


@pytest.mark.parametrize("how", ["refuses", "silent", "busy"])
async def test_an_object_store_that_goes_away_comes_back(
    home: Path, bucket_server: Buckets, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What needs it is 503 in words, over SSH too, the rest goes on; then all of it comes, nothing is lost.

    Silent, it takes longer than 5 s: it waits for the limits.
    """
    name, packed = sealed(ndjson(threat_event(1, "after", "unsuccessful")), first=1)
    with gated(home, bucket_server, monkeypatch) as gate, running(home) as portal:
        await portal.register()
        async with clients(portal) as open_:
            case = await created(open_["status"], 3)
            assert (await patch(open_["status"], case, 0, b"abc")).status_code == 204
            location = await created(open_["status"], 6, key="a-second-case")
            assert (await patch(open_["status"], location, 0, b"abc")).status_code == 204
            part = f"{FOLDER}/{name}.part"
            async with open_["sftp"].open(part, "wb") as file:
                await file.write(packed)
            change(gate, how)
            found = await every_kind(open_, location, at_once=True)
            found["file"] = await open_["operator"].get("/v1/cases/C-000001/file")
            needed = {"put", "patch", "file"}
            for kind, reply in found.items():
                assert kind not in needed or reply.status_code == 503, (kind, reply.text)
                assert kind in needed or reply.status_code in {200, 201}, (kind, reply.text)
                if kind in needed:
                    assert reply.headers["retry-after"] == "5", kind
                    assert "object store" in words(reply), kind
            for asked in (
                open_["sftp"].posix_rename(part, f"{FOLDER}/{name}"),
                open_["sftp"].listdir(FOLDER),
                open_["sftp"].stat(f"{FOLDER}/{name}"),
            ):
                with pytest.raises(asyncssh.SFTPFailure, match=r"object store.*Try again in a moment"):
                    await asked
            gate.open()
            await answered_again(open_, location)
            assert await offset(open_["status"], location) == 6
            await open_["sftp"].posix_rename(part, f"{FOLDER}/{name}")
            for number, content in ((1, b"abc"), (2, b"abcdef")):
                case = await open_["operator"].get(f"/v1/cases/C-00000{number}/file")
                assert case.content == content
            async with asyncio.timeout(60):
                while "after" not in await endpoints(open_["operator"]):
                    continue
        events = {line["event"] for line in portal.logged()}
        assert not events & {"job-failed", "library", "unreadable-batch"}


async def test_a_portal_starts_while_its_object_store_is_away(
    home: Path, bucket_server: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beats are answered; what lies in the store is entered and read once it is back."""
    name, packed = sealed(ndjson(threat_event(1, "before", "unsuccessful")), first=1)
    with gated(home, bucket_server, monkeypatch) as gate:
        with running(home) as portal:
            await portal.register()
            await asyncio.to_thread(portal.lay, f"{FOLDER}/{name}", packed)
        gate.close()
        with running(home) as portal:
            async with portal.status_server() as client, portal.operators() as operator:
                assert (await client.post("/v1/heartbeat", json=beat())).status_code == 200
                assert "not-caught-up" in {line["event"] for line in portal.logged()}
                gate.open()
                async with asyncio.timeout(60):
                    while "before" not in await endpoints(operator):
                        continue
            assert "job-failed" not in {line["event"] for line in portal.logged()}
