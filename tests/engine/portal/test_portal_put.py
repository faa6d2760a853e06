"""The log server over SSL: good batches are kept once, whole, under their name; the rest is refused."""

import asyncio
import functools
import json
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import zstandard
from portals import PATIENCE, RunningPortal, batch, lines, named, running
from stores import Stores

BEFORE = pytest.mark.one_store("it is refused by its name or bytes, before a store is asked")


async def put(portal: RunningPortal, appliance: str, name: str, content: object) -> httpx.Response:
    async with portal.log_server() as client:
        return await client.put(f"/logs/{appliance}/{name}", content=content)


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_batch_is_kept_as_sent(portal: RunningPortal) -> None:
    """A delivered batch lies under its name, byte for byte, and a second delivery changes nothing."""
    await portal.register("tm-keep")
    name, packed = batch("tm-keep", first=5, count=100)
    reply = await put(portal, "tm-keep", name, packed)
    assert (reply.status_code, reply.json()) == (201, {"batch": name, "events": 100})
    assert code(await put(portal, "tm-keep", name, packed)) == (412, "exists")
    assert portal.batches_of("tm-keep") == {name: packed}


async def test_same_batch_at_the_same_time_is_kept_once(portal: RunningPortal) -> None:
    """Deliveries of one batch that race end with one file; one is told 201, the others that it is there."""
    await portal.register("tm-race")
    name, packed = batch("tm-race", count=2000)
    replies = await asyncio.gather(*(put(portal, "tm-race", name, packed) for _ in range(6)))
    assert sorted(reply.status_code for reply in replies) == [201, 412, 412, 412, 412, 412]
    assert portal.batches_of("tm-race") == {name: packed}


@pytest.mark.parametrize("chunked", [False, True])
async def test_other_bytes_under_a_name_that_is_taken(portal: RunningPortal, chunked: bool) -> None:
    """412 makes a client drop its copy: only for the same bytes; all others are a conflict."""
    appliance = f"tm-taken-{chunked:d}"
    await portal.register(appliance)
    name, packed = batch(appliance, count=3000)
    assert (await put(portal, appliance, name, packed)).status_code == 201
    flipped = packed[:-1] + bytes([packed[-1] ^ 1])
    lies = [packed, flipped, packed[:-1], packed + b"x", b"", bytes(len(packed)), packed[:100]]

    async def sent(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    for lie in lies:
        portal.lay(f"logs/{appliance}/{name}", lie)
        for content in (packed, flipped, packed[:-1], packed + b"x"):
            async with portal.log_server() as client:
                reply = await client.put(
                    f"/logs/{appliance}/{name}",
                    content=sent(content) if chunked else content,
                    headers={"if-none-match": "*"},
                )
            assert code(reply) == ((412, "exists") if content == lie else (409, "other-content"))
            assert portal.batches_of(appliance) == {name: lie}
    assert not list((portal.home / "incoming").iterdir())


async def test_streamed_upload_without_length(portal: RunningPortal) -> None:
    """A client that does not know the length beforehand can deliver too."""
    await portal.register("tm-stream")
    name, packed = batch("tm-stream", count=5000)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(packed), 1000):
            yield packed[start : start + 1000]

    assert (await put(portal, "tm-stream", name, pieces())).status_code == 201


@functools.cache
def _bad_contents() -> dict[str, bytes]:
    good = batch("tm-bad", count=500)[1]
    compress = zstandard.ZstdCompressor(level=3).compress
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    wide = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return {
        "empty": b"",
        "no zstd": b"plain text\n",
        "cut": good[:-20],
        "two frames": good + good,
        "garbage behind": good + b"x",
        "no events": compress(b""),
        "blank line": compress(lines() + b"\n"),
        "no last newline": compress(lines().rstrip(b"\n")),
        "no json": compress(b"not json\n"),
        "no object": compress(b"[1, 2]\n"),
        "not a number": compress(b'{"seq": NaN, "kind": "threat-event"}\n'),
        "no utf-8": compress(b'{"kind": "threat-event", "x": "\xff"}\n'),
        "deep": compress(b'{"kind": "threat-event", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"),
        "no kind": compress(b'{"seq": 1}\n'),
        "escape as kind": compress(b'{"seq": 1, "kind": "\\u001b[2J"}\n'),
        "two kinds": compress(lines() + lines(kind="root-cause")),
        "long line": compress(b'{"kind": "threat-event", "x": "' + b"x" * (1 << 20) + b'"}\n'),
        "wide window": wide.compress(lines()) + wide.flush(),
    }


@BEFORE
@pytest.mark.parametrize("what", sorted(_bad_contents()))
async def test_damaged_batch_is_422_and_leaves_nothing(portal: RunningPortal, what: str) -> None:
    """A file that is no whole batch of events of one kind is refused, even under the right name."""
    await portal.register("tm-bad")
    packed = _bad_contents()[what]
    assert code(await put(portal, "tm-bad", named(packed, "tm-bad"), packed)) == (422, "damaged")
    assert portal.batches_of("tm-bad") == {}
    assert not list((portal.home / "incoming").iterdir())


@BEFORE
async def test_flipped_bit_is_422(portal: RunningPortal) -> None:
    """A batch whose bytes are not those of its name is refused: the name is its checksum."""
    await portal.register("tm-flip")
    name, packed = batch("tm-flip")
    flipped = bytes([*packed[:-1], packed[-1] ^ 1])
    assert code(await put(portal, "tm-flip", name, flipped)) == (422, "damaged")


@BEFORE
async def test_bomb_is_413_in_bounded_memory(portal: RunningPortal) -> None:
    """A few kilobytes that unpack to gigabytes are refused, and the portal stays small."""
    await portal.register("tm-bomb")
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    line = b'{"kind": "threat-event", "x": "' + b"x" * 900_000 + b'"}\n'
    packed = b"".join([*(compressor.compress(line) for _ in range(300)), compressor.flush()])
    assert len(packed) < 1 << 20
    assert code(await put(portal, "tm-bomb", named(packed, "tm-bomb"), packed)) == (413, "too-large")
    many = zstandard.ZstdCompressor().compress(b'{"kind":"a"}\n' * 1_000_001)
    assert code(await put(portal, "tm-bomb", named(many, "tm-bomb"), many)) == (413, "too-large")
    assert peak_memory(portal.process.pid) < 250_000


def peak_memory(pid: int) -> int:
    """The most memory a process ever had, in kilobytes."""
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("VmHWM"))


@BEFORE
@pytest.mark.parametrize("chunked", [False, True])
async def test_oversized_body_is_413(portal: RunningPortal, *, chunked: bool) -> None:
    """A body over the limit gets its 413, which makes the sender split, and not a cut line."""
    await portal.register("tm-huge")
    name = batch("tm-huge")[0]

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(1 << 20)

    content = pieces() if chunked else bytes(40 << 20)
    assert code(await put(portal, "tm-huge", name, content)) == (413, "too-large")
    assert not list((portal.home / "incoming").iterdir())


async def test_wrong_password_on_an_upload_is_401(portal: RunningPortal) -> None:
    """A sender with a wrong password sees 401 after a large body too, and nothing is kept."""
    async with portal.log_server(auth=("registering-user", "wrong")) as client:
        reply = await client.put(f"/logs/tm-keep/{batch('tm-keep')[0]}", content=bytes(20 << 20))
    assert reply.status_code == 401
    assert not list((portal.home / "incoming").iterdir())


async def test_sender_must_be_registered(portal: RunningPortal) -> None:
    """Logs of an appliance that is not in Registered Products are refused, and say so."""
    name, packed = batch("tm-stranger")
    assert code(await put(portal, "tm-stranger", name, packed)) == (403, "not-registered")
    assert portal.batches_of("tm-stranger") == {}
    assert not (portal.home / "logs" / "tm-stranger").exists()


async def test_batch_goes_to_its_own_folder(portal: RunningPortal) -> None:
    """A batch cannot be put into another appliance's folder."""
    await portal.register("tm-mine")
    await portal.register("tm-theirs")
    name, packed = batch("tm-mine")
    assert code(await put(portal, "tm-theirs", name, packed)) == (403, "wrong-folder")


NAME = batch("tm-names")[0]


@BEFORE
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/logs/tm-names/..", 404),
        ("/logs/tm-names/%2e%2e", 400),
        (f"/logs/%2e%2e/{NAME}", 404),
        (f"/logs/tm-names/..%2f..%2f{NAME}", 404),
        (f"/logs/tm-names/%2fetc%2f{NAME}", 404),
        (f"/logs/tm-names/{NAME}%00", 400),
        (f"/logs/tm-names/{NAME}%0a", 400),
        (f"/logs/tm-names/%1b]0;x%07{NAME}", 400),
        (f"/logs/tm-names/{NAME}%ff", 400),
        (f"/logs/tm-names/{NAME}.part", 400),
        (f"/logs/tm-names/{NAME.replace('000000000001', '１２３４５６７８９０１２')}", 400),
        (f"/logs/tm-names/{'a' * 5000}", 400),
        (f"/logs/TM-NAMES/{NAME}", 404),
        (f"/logs/tm%00names/{NAME}", 404),
        (f"/logs/{'a' * 300}/{NAME}", 404),
        ("/logs/tm-names", 404),
        ("/logs", 404),
        ("/", 404),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_hostile_names_touch_no_file(portal: RunningPortal, path: str, status: int) -> None:
    """No name leads out of the appliance's folder, or onto the terminal of who reads the log."""
    await portal.register("tm-names")
    before = sorted(portal.home.rglob("*"))
    raw = f"{path if path.isascii() else httpx.URL(path).raw_path.decode()}".encode()
    async with portal.log_server() as client:
        url = client.base_url.copy_with(raw_path=raw)
        assert (await client.put(url, content=batch("tm-names")[1])).status_code == status
    assert sorted(portal.home.rglob("*")) == before
    assert "\x1b" not in portal.log_file.read_text()


@BEFORE
async def test_other_methods_and_encodings(portal: RunningPortal) -> None:
    """Batches cannot be read, listed, changed or removed over SSL, nor come in parts or twice packed."""
    await portal.register("tm-methods")
    name, packed = batch("tm-methods")
    async with portal.log_server() as client:
        for method in ("GET", "HEAD", "POST", "DELETE", "PATCH", "PROPFIND", "MOVE"):
            assert (await client.request(method, f"/logs/tm-methods/{name}")).status_code == 405
        for headers in ({"content-encoding": "gzip"}, {"content-range": "bytes 0-1/2"}):
            reply = await client.put(f"/logs/tm-methods/{name}", content=packed, headers=headers)
            assert code(reply) == (415, "encoded")


async def test_probe_is_taken_and_forgotten(portal: RunningPortal) -> None:
    """The connection test may leave its few bytes before the appliance is registered; nothing stays."""
    before = sorted((portal.home / "logs").rglob("*"))
    assert (await put(portal, "tm-not-yet", "probe", b"probe\n")).status_code == 204
    assert code(await put(portal, "tm-not-yet", "probe", bytes(5000))) == (413, "too-large")
    assert sorted((portal.home / "logs").rglob("*")) == before


async def begin_upload(
    portal: RunningPortal, name: str, length: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the head and one byte of an upload, and wait until the portal writes it aside."""
    context = ssl.create_default_context(cafile=portal.ready["ca_file"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", portal.ready["log_server"]["https_port"], ssl=context
    )
    request = httpx.Request(
        "PUT", f"https://127.0.0.1/logs/tm-cut/{name}", headers={"content-length": str(length)}
    )
    auth = next(httpx.BasicAuth(*portal.credentials).auth_flow(request))
    head = f"PUT {request.url.path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in auth.headers.items())
    writer.write(head.encode() + b"\r\n(")
    await writer.drain()
    async with asyncio.timeout(PATIENCE):
        while not list((portal.home / "incoming").iterdir()):
            await asyncio.to_thread((portal.home / "incoming").stat)
    return reader, writer


async def test_cut_upload_leaves_nothing(portal: RunningPortal) -> None:
    """A line that breaks in mid-upload leaves no half batch."""
    await portal.register("tm-cut")
    name, packed = batch("tm-cut")
    _, writer = await begin_upload(portal, name, len(packed))
    writer.transport.abort()
    async with asyncio.timeout(PATIENCE):
        while list((portal.home / "incoming").iterdir()):
            await asyncio.to_thread((portal.home / "incoming").stat)
    assert portal.batches_of("tm-cut") == {}


async def test_kill_in_mid_upload_leaves_no_half_batch(any_home: Path, stores: Stores) -> None:
    """A portal that dies during an upload starts again without a trace of it, and takes the batch whole."""
    with running(any_home) as portal:
        await portal.register("tm-cut")
        name, packed = batch("tm-cut")
        _, writer = await begin_upload(portal, name, len(packed))
        portal.stop(signal.SIGKILL)
        writer.transport.abort()
        assert list((any_home / "incoming").iterdir())
        ports = portal.ports
    with running(any_home, *ports) as portal:
        if stores.kind == "sqlite":  # else it may be another process's, for a day
            assert not list((any_home / "incoming").iterdir())
        assert portal.batches_of("tm-cut") == {}
        assert (await put(portal, "tm-cut", name, packed)).status_code == 201
        assert json.loads(portal.command("products", "list", "--json").stdout)["products"]
