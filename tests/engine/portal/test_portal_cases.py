"""Cases at the portal: tus 1.0 as its specification has it, an independent client, list, status, download."""

import asyncio
import base64
import hashlib
import json
import os

import pytest
from portals import ANY_APPLIANCE, opened_portal, running
from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

VERSION = {"Tus-Resumable": "1.0.0"}
CHUNK = {**VERSION, "Content-Type": "application/offset+octet-stream"}


def metadata(**values):
    pairs = {"appliance": ANY_APPLIANCE, "filename": "case.tar.zst", "endpoint": "pc-17", **values}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def checksum(data, algorithm="sha256"):
    return {
        "Upload-Checksum": f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"
    }


async def created(client, size, **values):
    """Create an upload; its address."""
    headers = {**VERSION, "Upload-Length": str(size), "Upload-Metadata": metadata(**values)}
    reply = await client.post("/v1/cases/", headers=headers)
    assert reply.status_code == 201, reply.text
    return reply.headers["location"]


def patch(client, location, offset, data, **more):
    return client.patch(location, content=data, headers={**CHUNK, "Upload-Offset": str(offset), **more})


@pytest.fixture
async def portal(any_home):
    async with opened_portal(any_home) as made:
        await made.register()
        yield made


@pytest.fixture
async def client(portal):
    async with portal.status_server() as opened:
        yield opened


async def offset(client, location):
    return int((await client.head(location, headers=VERSION)).headers["upload-offset"])


async def test_an_upload_in_parts_becomes_a_case(portal, client):
    """Creation, offsets, checksummed parts; whole, it has a Case ID and lies in the portal's folder."""
    data = os.urandom(300_000)
    location = await created(client, len(data), sha256=hashlib.sha256(data).hexdigest(), threat="T")
    for start in range(0, len(data), 100_000):
        part = data[start : start + 100_000]
        reply = await patch(client, location, start, part, **checksum(part))
        assert (reply.status_code, reply.headers["upload-offset"]) == (204, str(start + 100_000))
    (case,) = (await client.get("/v1/cases")).json()["cases"]
    assert (case["case_id"], case["status"]) == ("C-000001", "new-case-received")
    assert (case["endpoint"], case["threat"], case["bytes"]) == ("pc-17", "T", len(data))
    assert case["upload"] == location.rpartition("/")[2]
    file = await client.get("/v1/cases/C-000001/file", auth=portal.operator)
    assert file.content == data
    assert file.headers["content-length"] == str(len(data))
    assert file.headers["content-disposition"] == 'attachment; filename="C-000001.tar.zst"'
    assert await offset(client, location) == len(data)


async def test_a_wrong_checksum_counts_for_nothing(client):
    """460, and the offset is what it was: the part can come again."""
    for algorithm in ("sha1", "sha256"):
        location = await created(client, 6)
        reply = await patch(client, location, 0, b"abc", **checksum(b"abd", algorithm))
        assert (reply.status_code, reply.json()["error"]["code"]) == (460, "checksum-mismatch"), algorithm
        assert await offset(client, location) == 0, algorithm
        again = await patch(client, location, 0, b"abc", **checksum(b"abc", algorithm))
        assert again.status_code == 204, algorithm


WRONG_PARTS = [
    ({"Upload-Offset": "1"}, 409, "wrong-offset"),
    ({"Upload-Offset": "-1"}, 400, "wrong-header"),
    ({"Content-Type": "text/plain"}, 415, "wrong-type"),
    ({"Tus-Resumable": "0.2.2"}, 412, "wrong-version"),
    ({"Upload-Checksum": "md5 AAAA"}, 400, "wrong-checksum"),
    ({"Upload-Checksum": "sha1 !"}, 400, "wrong-checksum"),
]


async def test_a_wrong_part_is_refused(client):
    """Each rule of the protocol has its own answer, and nothing arrives."""
    for headers, status, code in WRONG_PARTS:
        location = await created(client, 6)
        reply = await patch(client, location, 0, b"abc", **headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code), headers
        assert reply.headers["tus-resumable"] == "1.0.0", headers
        assert await offset(client, location) == 0, headers


async def test_more_than_was_announced_is_refused(client):
    """413, and the offset stays."""
    location = await created(client, 3)
    assert (await patch(client, location, 0, b"abcdef")).status_code == 413
    assert await offset(client, location) == 0


NO_CASES = [
    ({"Upload-Length": "x"}, 400),
    ({"Upload-Length": str(1 << 40)}, 413),
    ({"Upload-Metadata": "appliance"}, 400),
    ({"Upload-Metadata": metadata(appliance="../../etc")}, 400),
    ({"Upload-Metadata": metadata(appliance="tm-unknown")}, 403),
    ({"Upload-Metadata": metadata(sha256="abc")}, 400),
    ({"Tus-Resumable": ""}, 412),
]


async def test_what_cannot_be_a_case_is_not_begun(client):
    """No length, too long, no registered appliance: refused before a byte comes."""
    for headers, status in NO_CASES:
        given = {**VERSION, "Upload-Length": "3", "Upload-Metadata": metadata(), **headers}
        assert (await client.post("/v1/cases/", headers=given)).status_code == status, headers
        assert (await client.get("/v1/cases")).json()["cases"] == [], headers


async def test_it_says_what_it_can(client):
    """OPTIONS names version, extensions, algorithms and the greatest size."""
    reply = await client.options("/v1/cases/")
    assert reply.status_code == 204
    assert reply.headers["tus-version"] == "1.0.0"
    assert set(reply.headers["tus-extension"].split(",")) == {"creation", "termination", "checksum"}
    assert reply.headers["tus-checksum-algorithm"] == "sha256,sha1"
    assert int(reply.headers["tus-max-size"]) == 8 << 30


async def test_an_upload_that_was_given_up_is_gone(portal, client):
    """Termination removes what had arrived; a case that is whole stays."""
    location = await created(client, 6)
    await patch(client, location, 0, b"abc")
    assert (await client.delete(location, headers=VERSION)).status_code == 204
    assert (await client.head(location, headers=VERSION)).status_code == 404
    assert (await patch(client, location, 3, b"def")).status_code == 404
    assert list(portal.blobs.list("cases/")) == list((portal.home / "cases").iterdir()) == []
    assert list((portal.home / "incoming").iterdir()) == []
    whole = await created(client, 3)
    await patch(client, whole, 0, b"abc")
    assert (await client.delete(whole, headers=VERSION)).status_code == 403
    assert len((await client.get("/v1/cases")).json()["cases"]) == 1


async def test_a_repeated_creation_finds_the_first(client):
    """A lost reply makes no second upload: the client's own key leads to the one that is there."""
    first = await created(client, 6, key="0123456789abcdef")
    await patch(client, first, 0, b"abc")
    assert await created(client, 6, key="0123456789abcdef") == first
    headers = {**VERSION, "Upload-Length": "7", "Upload-Metadata": metadata(key="0123456789abcdef")}
    assert (await client.post("/v1/cases/", headers=headers)).status_code == 409


async def test_a_case_that_is_not_what_was_announced_is_dropped(portal, client):
    """The SHA-256 of the whole is checked before it counts as received."""
    location = await created(client, 3, sha256=hashlib.sha256(b"abd").hexdigest())
    reply = await patch(client, location, 0, b"abc")
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "damaged")
    assert (await client.head(location, headers=VERSION)).status_code == 404
    assert list(portal.blobs.list("cases/")) == list((portal.home / "cases").iterdir()) == []
    assert list((portal.home / "incoming").iterdir()) == []


async def test_hostile_words_are_made_safe(client):
    """What an appliance says of a case is text from outside: bounded, without escapes, and no path."""
    location = await created(
        client, 1, endpoint="\x1b[2Jpc", filename="../../../x.zip", description="x" * 9000
    )
    await patch(client, location, 0, b"a")
    (case,) = (await client.get("/v1/cases")).json()["cases"]
    assert case["endpoint"] == "\ufffd[2Jpc"
    assert len(case["description"]) <= 2000
    assert case["file"] == "C-000001.zip"


async def test_status_and_download(portal, client):
    """The operator's list, the pattern that came of it, and the file, which marks it as downloaded."""
    location = await created(client, 3)
    await patch(client, location, 0, b"abc")
    listed = json.loads((await asyncio.to_thread(portal.command, "case", "list", "--json")).stdout)
    assert listed["cases"][0]["status"] == "new-case-received"
    (case,) = (await client.get(f"/v1/cases?appliance={ANY_APPLIANCE}")).json()["cases"]
    assert case["status"] == "administrator-notified"
    done = await asyncio.to_thread(portal.command, "case", "status", "C-000001", "--pattern", "42")
    assert "pattern 42" in done.stdout
    assert (await client.get("/v1/cases/C-000001/file", auth=portal.operator)).content == b"abc"
    (case,) = (await client.get("/v1/cases")).json()["cases"]
    assert (case["status"], case["pattern_id"]) == ("sample-downloaded", "42")
    assert (await client.get("/v1/cases/C-000009/file", auth=portal.operator)).status_code == 404
    assert (await client.get("/v1/cases?appliance=tm-another")).json()["cases"] == []


async def test_the_operator_copies_a_case(portal, client, tmp_path):
    """`portal case download` never overwrites, and says where it is."""
    await patch(client, await created(client, 3), 0, b"abc")
    target = tmp_path / "sample"
    first = await asyncio.to_thread(portal.command, "case", "download", "C-000001", str(target))
    assert (first.returncode, target.read_bytes(), target.stat().st_mode & 0o777) == (0, b"abc", 0o600)
    second = await asyncio.to_thread(portal.command, "case", "download", "C-000001", str(target))
    assert second.returncode == 1
    assert (await asyncio.to_thread(portal.command, "case", "download", "C-000002")).returncode == 1


async def test_without_a_password_nothing(portal):
    """Cases need the account like everything else."""
    async with portal.status_server(auth=None) as stranger:
        for method, path in (
            ("OPTIONS", "/v1/cases/"),
            ("GET", "/v1/cases"),
            ("GET", "/v1/cases/C-000001/file"),
        ):
            assert (await stranger.request(method, path)).status_code == 401


def tuspy(portal, path, folder, **more):
    """The uploader of an independent client."""
    name, password = portal.credentials
    port = portal.ready["status_server"]["port"]
    authorization = base64.b64encode(f"{name}:{password}".encode()).decode()
    client = TusClient(
        f"https://127.0.0.1:{port}/v1/cases/", headers={"Authorization": f"Basic {authorization}"}
    )
    return client.uploader(
        str(path),
        chunk_size=200_000,
        metadata={"appliance": ANY_APPLIANCE, "filename": "case.zip", "endpoint": "pc"},
        store_url=True,
        url_storage=FileStorage(str(folder / "urls.json")),
        **more,
    )


async def case_file(portal):
    """The first case as an operator downloads it."""
    async with portal.operators() as client:
        return (await client.get("/v1/cases/C-000001/file")).content


@pytest.mark.parametrize("upload_checksum", [False, True])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_independent_client_uploads_and_resumes(home, tmp_path, monkeypatch, upload_checksum):
    """Tuspy sends a part, the portal is killed and comes back on its port, and a new uploader goes on."""
    path = tmp_path / "case.zip"
    path.write_bytes(os.urandom(900_000))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(home / "ca.pem"))
    with running(home) as first:
        asyncio.run(first.register())
        uploader = tuspy(first, path, tmp_path, upload_checksum=upload_checksum)
        uploader.upload_chunk()
        assert uploader.offset == 200_000
        ports = first.ports
    with running(home, *ports) as second:
        again = tuspy(second, path, tmp_path, upload_checksum=upload_checksum)
        assert again.offset == 200_000
        again.upload()
        assert asyncio.run(case_file(second)) == path.read_bytes()


async def test_a_newer_request_takes_over(portal, client):
    """A part that hangs on a dead connection does not keep the appliance from going on."""
    location = await created(client, 6)
    arrived = asyncio.Event()

    async def slow():
        yield b"a"
        arrived.set()
        await asyncio.Event().wait()

    async with portal.status_server() as other:
        hanging = asyncio.create_task(
            other.patch(
                location, content=slow(), headers={**CHUNK, "Upload-Offset": "0", "Content-Length": "6"}
            )
        )
        await asyncio.wait_for(arrived.wait(), 60)
        for _ in range(50):
            start = await offset(client, location)
            reply = await patch(client, location, start, b"abcdef"[start:])
            if reply.status_code == 204:
                break
        assert reply.status_code == 204
        hanging.cancel()
        await asyncio.wait({hanging})
    assert (await client.get("/v1/cases/C-000001/file", auth=portal.operator)).content == b"abcdef"
