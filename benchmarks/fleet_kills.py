"""Two web, one ssh and two worker processes behind HAProxy on PostgreSQL, while any of them is killed.

Appliances beat, deliver over HTTPS and SSH and upload cases through HAProxy, and repeat what was not
answered. At the end every batch was entered and read once, each case has a number of its own and its bytes,
and no beat had an answer that is none of the protocol's.

--midnight has a day end in the middle of it, by the zone that the processes live in, while a sweep takes
away batches whose time is over: each product's report is made once, and no blob is left or missing.
--blobs bucket keeps batches and cases in an S3 server in memory (moto), --blobs s3://... in a real one
(python -m benchmarks.s3_server --serve says its address).

python -m benchmarks.fleet_kills [SEED] [KILLS] [--midnight] [--blobs files|bucket|ADDRESS]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh
import httpx
import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "engine" / "portal")]

from portals import RunningPortal, beat, ndjson, registration, sealed, threat_event, with_settings  # noqa: E402
from test_portal_cases import CHUNK, VERSION, metadata  # noqa: E402

from servers.buckets import KEYS, buckets  # noqa: E402
from servers.postgres import postgres  # noqa: E402
from servers.process import daemon, folder, free_port, program  # noqa: E402
from tm_tui.portal.reports.periods import KINDS, current  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tm_tui.portal.blobs.store import Blobs

APPLIANCES = 4
AGAIN = (httpx.HTTPError, OSError, asyncssh.Error, TimeoutError)
NEVER = (asyncssh.HostKeyNotVerifiable,)
BEATS_MAY_BE = {200, 503}
ROLES = ("web", "web", "ssh", "worker", "worker")
OF_MIDNIGHT = (0, 1, 2, 3, 3, 3, 4, 4, 4)
"""Who is killed at midnight: the workers more often."""
PRODUCTS = 150
"""Further ones at midnight, each of which gets its reports."""
SWEPT = 200
"""Batches whose time is over, at midnight."""
BEFORE_MIDNIGHT = 120.0
"""Seconds from the start: all processes have to run by then."""


@dataclass
class Fleet:
    """What is being done, and what came of it."""

    home: Path
    ports: dict[str, int]
    choices: random.Random
    password: str = ""
    ca_file: str = ""
    host_key: asyncssh.SSHKey | None = None
    """The one of all processes that speak SSH."""
    over: bool = False
    sent: dict[str, bytes] = field(default_factory=dict)
    events: dict[str, set[str]] = field(default_factory=dict)
    cases: list[bytes] = field(default_factory=list)
    beats: Counter[str] = field(default_factory=Counter)
    midnight: datetime | None = None
    """When the day ends, and in which zone."""
    swept: list[str] = field(default_factory=list)
    """Blobs that the sweep has to take away."""
    blobs: Blobs | None = None
    operator: tuple[str, str] = ("", "")

    def client(self, port: str) -> httpx.AsyncClient:
        """One way in, through HAProxy."""
        import ssl

        context = ssl.create_default_context(cafile=self.ca_file)
        base = f"https://127.0.0.1:{self.ports[port]}"
        auth = ("registering-user", self.password)
        return httpx.AsyncClient(verify=context, base_url=base, auth=auth, trust_env=False, timeout=20)


async def until_taken(what: Any) -> Any:
    """Ask again until it is answered as the protocol says."""
    while True:
        try:
            if (found := await what()) is not None:
                return found
        except NEVER as error:
            raise AssertionError(f"another host key: {error}") from error
        except AGAIN:
            pass
        await asyncio.sleep(0.2)


def batch_of(fleet: Fleet, appliance: str, number: int) -> tuple[str, bytes]:
    """A batch whose events no other one has."""
    first = number * 10 + 1
    lines = [threat_event(first + one, f"pc-{one}", "unsuccessful") for one in range(3)]
    name, packed = sealed(ndjson(*lines), appliance, first)
    fleet.sent[name] = packed
    fleet.events.setdefault(appliance, set()).update(str(line["id"]) for line in lines)
    return name, packed


async def delivers(fleet: Fleet, appliance: str) -> None:
    """Batch after batch over HTTPS."""
    number = 0
    while not fleet.over:
        name, packed = batch_of(fleet, appliance, number := number + 1)

        async def put(name: str = name, packed: bytes = packed) -> bool | None:
            async with fleet.client("https") as client:
                reply = await client.put(f"/logs/{appliance}/{name}", content=packed)
            if reply.status_code not in {201, 412, 500, 502, 503, 507}:
                raise AssertionError(f"{reply.status_code}: {reply.text}")
            return True if reply.status_code in {201, 412} else None

        await until_taken(put)


async def uploads_over_ssh(fleet: Fleet, appliance: str) -> None:
    """Batch after batch over SFTP."""
    number = 0
    while not fleet.over:
        name, packed = batch_of(fleet, appliance, number := number + 1)

        async def put(name: str = name, packed: bytes = packed) -> bool:
            async with (
                asyncio.timeout(20),
                asyncssh.connect(
                    "127.0.0.1",
                    fleet.ports["ssh"],
                    username="registering-user",
                    password=fleet.password,
                    known_hosts=([fleet.host_key], [], []),
                    config=None,
                    client_keys=None,
                    agent_path=None,
                ) as connection,
                connection.start_sftp_client() as client,
            ):
                await client.makedirs(f"logs/{appliance}", exist_ok=True)
                async with client.open(f"logs/{appliance}/{name}.part", "wb") as file:
                    await file.write(packed)
                await client.posix_rename(f"logs/{appliance}/{name}.part", f"logs/{appliance}/{name}")
            return True

        await until_taken(put)


async def submits(fleet: Fleet, appliance: str) -> None:
    """Case after case, in parts, from wherever the portal says it stands."""
    number = 0
    while not fleet.over:
        data = fleet.choices.randbytes(60_000)
        digest, key = hashlib.sha256(data).hexdigest(), f"key-{(number := number + 1):08d}"
        fleet.cases.append(data)

        async def whole(data: bytes = data, digest: str = digest, key: str = key) -> bool | None:
            async with fleet.client("status") as client:
                about = metadata(appliance=appliance, key=key, sha256=digest)
                made = await client.post(
                    "/v1/cases/",
                    headers={**VERSION, "Upload-Length": str(len(data)), "Upload-Metadata": about},
                )
                if made.status_code != 201:
                    return None
                place = made.headers["location"]
                start = int(made.headers["upload-offset"])
                while start < len(data):
                    part = data[start : start + 20_000]
                    headers = {**CHUNK, "Upload-Offset": str(start)}
                    reply = await client.patch(place, content=part, headers=headers)
                    if reply.status_code != 204:
                        return None
                    start = int(reply.headers["upload-offset"])
            return True

        await until_taken(whole)


async def beats(fleet: Fleet, appliance: str) -> None:
    """A beat a second; each answer is counted."""
    while not fleet.over:
        try:
            async with fleet.client("status") as client:
                reply = await client.post("/v1/heartbeat", json=beat(appliance))
                fleet.beats[str(reply.status_code)] += 1
                if reply.status_code == 200 and "server_time" not in reply.json():
                    fleet.beats["200 without server_time"] += 1
        except AGAIN:
            fleet.beats["no answer"] += 1
        await asyncio.sleep(1)


async def in_background(home: Path, number: int, ports: dict[str, int]) -> RunningPortal:
    """Start one of the processes, and wait until it is ready."""
    given = [f"--{name}-port={port}" for name, port in ports.items()]
    return await asyncio.to_thread(RunningPortal, home, "serve", "--role", ROLES[number], *given)


def haproxy_command(base: Path, behind: dict[str, list[int]]) -> Any:
    """HAProxy for these listeners, as docs/portal.md has it, with checks."""

    def command(ports: list[int]) -> list[str]:
        text = (
            "defaults\n mode tcp\n timeout connect 2s\n timeout client 60s\n timeout server 60s\n retries 3\n"
        )
        text += " option redispatch\n"
        for port, (name, servers) in zip(ports, behind.items(), strict=True):
            text += f"listen {name}\n bind 127.0.0.1:{port}\n"
            for number, server in enumerate(servers):
                text += f" server s{number} 127.0.0.1:{server} check inter 500ms fall 1 rise 1\n"
        (base / "haproxy.cfg").write_text(text)
        return [program("haproxy"), "-db", "-q", "-f", str(base / "haproxy.cfg")]

    return command


async def kill_and_start(
    fleet: Fleet, processes: list[RunningPortal], server: Any, own: list[dict[str, int]]
) -> str:
    """One of them, or one time in ten the database; started again at once."""
    if fleet.choices.random() < 0.1:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        return "postgresql"
    chosen = fleet.choices.choice(OF_MIDNIGHT if fleet.midnight else range(len(processes)))
    await asyncio.to_thread(processes[chosen].stop, signal.SIGKILL)
    processes[chosen] = await in_background(fleet.home, chosen, own[chosen])
    return ROLES[chosen]


async def verdict(fleet: Fleet, dsn: str, web: dict[str, int]) -> list[str]:
    """What is wrong at the end."""
    assert fleet.blobs is not None
    wrong, there = [], {blob.name: blob.size for blob in fleet.blobs.list("logs/")}
    for name, packed in fleet.sent.items():
        blob = f"logs/{name[: name.index('-0000')]}/{name}"
        if blob not in there or bytes_of(fleet.blobs, blob) != packed:
            wrong.append(f"{name} is not there as it was sent")
    with psycopg.connect(dsn) as connection:
        entered = Counter(row[0] for row in connection.execute("SELECT name FROM batches"))
        sent = [*fleet.sent, *(name.rpartition("/")[2] for name in fleet.swept)]
        if entered != Counter(sent):
            wrong.append(f"{len(sent)} batches were sent, {len(entered)} entered")
        for appliance, events in fleet.events.items():
            rows = connection.execute("SELECT id FROM threats WHERE appliance = %s", (appliance,)).fetchall()
            if Counter(row[0] for row in rows) != Counter(events):
                wrong.append(f"{appliance}: {len(events)} events were sent, {len(rows)} read")
        wrong += await cases_wrong(fleet, connection, web)
        if fleet.midnight:
            wrong += midnight_wrong(fleet, connection, there)
    if set(fleet.beats) - {str(one) for one in BEATS_MAY_BE} - {"no answer"}:
        wrong.append(f"beats were answered {dict(fleet.beats)}")
    return wrong


def bytes_of(blobs: Blobs, name: str) -> bytes:
    """All of one."""
    with blobs.open(name) as file:
        return file.read()


async def cases_wrong(fleet: Fleet, connection: psycopg.Connection[Any], web: dict[str, int]) -> list[str]:
    """What is wrong with the cases, as an operator takes them."""
    wrong = []
    cases = connection.execute("SELECT number, form, sha256 FROM cases WHERE number IS NOT NULL").fetchall()
    if len({row[0] for row in cases}) != len(cases):
        wrong.append("a case's number was given twice")
    if Counter(row[2] for row in cases) != Counter(hashlib.sha256(one).hexdigest() for one in fleet.cases):
        wrong.append(f"{len(fleet.cases)} cases were sent, {len(cases)} received")
    async with fleet.client("status") as client:
        for number, _, digest in cases:
            address = f"https://127.0.0.1:{web['status']}/v1/cases/C-{number:06d}/file"
            file = await client.get(address, auth=fleet.operator)
            if file.status_code != 200 or hashlib.sha256(file.content).hexdigest() != digest:
                wrong.append(f"case {number} has other bytes ({file.status_code})")
    return wrong


def midnight_wrong(fleet: Fleet, connection: psycopg.Connection[Any], there: dict[str, int]) -> list[str]:
    """Whether each product has each report of what ended, once, and what had its time is gone."""
    assert fleet.midnight is not None
    ended = fleet.midnight - timedelta(seconds=1)
    kinds = [one for one in KINDS if current(one, ended, fleet.midnight.tzinfo).ends == fleet.midnight]
    products = [row[0] for row in connection.execute("SELECT appliance FROM products")]
    rows = connection.execute("SELECT appliance, kind FROM reports WHERE kind = ANY(%s)", (list(KINDS),))
    made = Counter(rows.fetchall())
    wanted = Counter((product, kind) for product in products for kind in kinds)
    wrong = [] if made == wanted else [f"reports: {made - wanted} too many, {wanted - made} missing"]
    left = [name for name in fleet.swept if name in there]
    (known,) = connection.execute("SELECT count(*) FROM batches WHERE swept_at IS NOT NULL").fetchone() or (
        0,
    )
    (noted,) = connection.execute("SELECT count(*) FROM doomed").fetchone() or (0,)
    if left or known != len(fleet.swept) or noted:
        wrong.append(f"sweep: {len(left)} blobs left, {known} of {len(fleet.swept)} known, {noted} noted")
    print(f"  midnight: {sum(made.values())} reports ({', '.join(kinds)}), {known} batches swept")
    return wrong


async def all_done(fleet: Fleet, dsn: str) -> None:
    """Until nothing waits for a worker: no batch, and past midnight no report and no sweep."""
    if fleet.midnight:
        await asyncio.sleep(max(0.0, fleet.midnight.timestamp() + 2 - time.time()))
    waits = "SELECT count(*) FROM jobs WHERE kind = 'read' OR due <= %s OR (kind = 'sweep' AND what <> '')"
    async with asyncio.timeout(600):
        while True:
            with psycopg.connect(dsn) as connection:
                (left,) = connection.execute(waits, (time.time(),)).fetchone() or (0,)
                # a killed one's lease would have to end first
                connection.execute("UPDATE jobs SET leased_until = 0, lease = '' WHERE leased_until > 0")
            if not left:
                return
            await asyncio.sleep(2)


async def prepared(fleet: Fleet, dsn: str, appliance: str) -> None:
    """More products, and batches and notes whose time is over."""
    assert fleet.blobs is not None
    async with fleet.client("status") as client:
        for number in range(PRODUCTS):
            name = f"tm-more-{number:03d}"
            (await client.post("/v1/registration", json=registration(name))).raise_for_status()
    with psycopg.connect(dsn) as connection:
        for number in range(SWEPT):
            name, packed = sealed(ndjson(threat_event(number + 1)), appliance, 900_000_000 + number)
            source = fleet.home / "incoming" / f"{name}.new"
            source.write_bytes(packed)
            fleet.swept.append(f"logs/{appliance}/{name}")
            fleet.blobs.put(fleet.swept[-1], source)
            source.unlink(missing_ok=True)
            connection.execute(
                "INSERT INTO batches (name, appliance, kind, events, bytes, received_at)"
                " VALUES (%s, %s, 'threat-event', 1, %s, 1)",
                (name, appliance, len(packed)),
            )
        old = "INSERT INTO audit (at, who, source, what, subject) SELECT 1, 'w', 's', 'x', '' FROM"
        connection.execute(f"{old} generate_series(1, 5000)")  # type: ignore[arg-type]


@contextlib.contextmanager
def zone_of_midnight(seconds: float) -> Iterator[datetime]:
    """Have this process and its children live where the day ends then."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    west = at.hour * 3600 + at.minute * 60 + at.second
    west -= 86400 if west > 43200 else 0
    hours, rest = divmod(abs(west), 3600)
    os.environ["TZ"] = f"KIL{'-' if west < 0 else ''}{hours}:{rest // 60:02d}:{rest % 60:02d}"
    time.tzset()
    try:
        yield at.replace(microsecond=0).astimezone(timezone(timedelta(seconds=-west)))
    finally:
        del os.environ["TZ"]
        time.tzset()


@contextlib.contextmanager
def store_of(kind: str) -> Iterator[str]:
    """The address of an empty store of blobs."""
    if kind == "files":
        yield "file:."
    elif kind == "bucket":
        os.environ |= KEYS
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # of moto: a line for each request
        with buckets() as server:
            yield server.new()
    else:
        yield kind


async def begun(
    stack: contextlib.ExitStack, home: Path, base: Path, seed: int, own: list[dict[str, int]]
) -> tuple[Fleet, list[RunningPortal]]:
    """All processes, and HAProxy before them."""
    processes = [await in_background(home, 0, own[0])]
    stack.callback(lambda: [one.stop(signal.SIGKILL) for one in processes])
    processes += [await in_background(home, number, own[number]) for number in range(1, len(ROLES))]
    behind = {name: [one[name] for one in own[:2]] for name in ("https", "status")}
    behind["ssh"] = [own[2]["ssh"]]
    ports = stack.enter_context(daemon(haproxy_command(base, behind), 3, base / "log"))
    fleet = Fleet(home, dict(zip(behind, ports, strict=True)), random.Random(seed))
    fleet.password, fleet.ca_file = processes[0].password, processes[0].ready["ca_file"]
    fleet.operator, fleet.blobs = processes[0].operator, processes[0].blobs
    fleet.host_key = await asyncssh.get_server_host_key("127.0.0.1", fleet.ports["ssh"], config=None)
    assert fleet.host_key is not None
    assert fleet.host_key.get_fingerprint() == processes[2].ready["ssh_host_key"]
    return fleet, processes


async def play(seed: int, kills: int, top: Path, *, midnight: bool, blobs: str) -> list[str]:
    """One campaign; what is wrong at its end."""
    with contextlib.ExitStack() as stack:
        server, base = stack.enter_context(postgres()), stack.enter_context(folder("haproxy"))
        server.run("ALTER ROLE tmsp SET synchronous_commit = on")  # a commit outlives the server's death
        url, address = server.database(), stack.enter_context(store_of(blobs))
        dsn = url.replace("postgresql+psycopg", "postgresql")
        ends = stack.enter_context(zone_of_midnight(BEFORE_MIDNIGHT)) if midnight else None
        settings = f'database = "{url}"\nblobs = "{address}"\n'
        settings += "[retention]\nbatches = 1\naudit = 30\n" if midnight else ""
        home = with_settings(top / "home", settings)
        web = [{"https": free_port(), "status": free_port()} for _ in range(2)]
        own: list[dict[str, int]] = [*web, {"ssh": free_port()}, {}, {}]
        fleet, processes = await begun(stack, home, base, seed, own)
        fleet.midnight = ends
        names = [f"tm-kill-{number}" for number in range(APPLIANCES)]
        for name in names:
            async with fleet.client("status") as client:
                (await client.post("/v1/registration", json=registration(name))).raise_for_status()
        if midnight:
            await prepared(fleet, dsn, names[0])
        killed, took = await killing(fleet, kills, processes, server, own)
        await all_done(fleet, dsn)
        print(f"seed {seed}, blobs {blobs}: {kills} kills in {took:.0f} s, {dict(killed)}")
        print(f"  {len(fleet.sent)} batches, {len(fleet.cases)} cases, beats {dict(fleet.beats)}")
        return await verdict(fleet, dsn, web[0])


async def killing(
    fleet: Fleet, kills: int, processes: list[RunningPortal], server: Any, own: list[dict[str, int]]
) -> tuple[Counter[str], float]:
    """Have the appliances work while one after the other is killed; past midnight, where there is one."""
    names = [f"tm-kill-{number}" for number in range(APPLIANCES)]
    work = (delivers, delivers, uploads_over_ssh, submits)
    tasks = [asyncio.create_task(one(fleet, name)) for one, name in zip(work, names, strict=True)]
    tasks += [asyncio.create_task(beats(fleet, name)) for name in names]
    killed: Counter[str] = Counter()
    began = time.monotonic()
    if fleet.midnight:  # not all of them before it
        left = fleet.midnight.timestamp() - time.time()
        assert left > 0, "midnight came before the first kill: the machine is too slow"
        await asyncio.sleep(max(0.0, left - 10))
    for _ in range(kills):
        await asyncio.sleep(fleet.choices.uniform(0.1, 1.0))
        killed[await kill_and_start(fleet, processes, server, own)] += 1
        for task in tasks:
            if task.done():
                task.result()
    fleet.over = True
    await asyncio.gather(*tasks)
    return killed, time.monotonic() - began


def main() -> None:
    """Read the command line, and play."""
    parser = argparse.ArgumentParser(description="Kills any process of a fleet's portal.")
    parser.add_argument("seed", nargs="?", type=int, default=1)
    parser.add_argument("kills", nargs="?", type=int, default=20)
    parser.add_argument("--midnight", action="store_true")
    parser.add_argument("--blobs", default="files", help="files, bucket, or s3://BUCKET/PREFIX?endpoint=...")
    given = parser.parse_args()
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as top:
        playing = play(given.seed, given.kills, Path(top), midnight=given.midnight, blobs=given.blobs)
        wrong = asyncio.run(playing)
        print("\n".join(wrong) or "  nothing lost, nothing doubled")
        if wrong:
            print((Path(top) / "home.log").read_text()[-4000:])
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
