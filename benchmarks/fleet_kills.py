"""Two web, one ssh and two worker processes behind HAProxy on PostgreSQL, while any of them is killed.

Appliances beat, deliver over HTTPS and SSH and upload cases through HAProxy, and repeat what was not
answered. At the end every batch was entered and read once, each case has a number of its own and its bytes,
and no beat had an answer that is none of the protocol's.

python -m benchmarks.fleet_kills [SEED] [KILLS]
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import httpx
import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "engine" / "portal")]

from portals import RunningPortal, beat, ndjson, registration, sealed, threat_event, with_settings  # noqa: E402
from test_portal_cases import CHUNK, VERSION, metadata  # noqa: E402

from servers.postgres import postgres  # noqa: E402
from servers.process import daemon, folder, free_port, program  # noqa: E402

APPLIANCES = 4
AGAIN = (httpx.HTTPError, OSError, asyncssh.Error, TimeoutError)
NEVER = (asyncssh.HostKeyNotVerifiable,)
BEATS_MAY_BE = {200, 503}
ROLES = ("web", "web", "ssh", "worker", "worker")


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
    chosen = fleet.choices.randrange(len(processes))
    await asyncio.to_thread(processes[chosen].stop, signal.SIGKILL)
    processes[chosen] = await in_background(fleet.home, chosen, own[chosen])
    return ROLES[chosen]


def verdict(fleet: Fleet, dsn: str) -> list[str]:
    """What is wrong at the end."""
    wrong = []
    for name, packed in fleet.sent.items():
        appliance = name[: name.index("-0000")]
        path = fleet.home / "logs" / appliance / name
        if not path.exists() or path.read_bytes() != packed:
            wrong.append(f"{name} is not there as it was sent")
    with psycopg.connect(dsn) as connection:
        entered = Counter(row[0] for row in connection.execute("SELECT name FROM batches"))
        if entered != Counter(list(fleet.sent)):
            wrong.append(f"{len(fleet.sent)} batches were sent, {len(entered)} entered")
        for appliance, events in fleet.events.items():
            rows = connection.execute("SELECT id FROM threats WHERE appliance = %s", (appliance,)).fetchall()
            if Counter(row[0] for row in rows) != Counter(events):
                wrong.append(f"{appliance}: {len(events)} events were sent, {len(rows)} read")
        wrong += cases_wrong(fleet, connection)
    if set(fleet.beats) - {str(one) for one in BEATS_MAY_BE} - {"no answer"}:
        wrong.append(f"beats were answered {dict(fleet.beats)}")
    return wrong


def cases_wrong(fleet: Fleet, connection: psycopg.Connection[Any]) -> list[str]:
    """What is wrong with the cases."""
    wrong = []
    cases = connection.execute("SELECT number, form, sha256 FROM cases WHERE number IS NOT NULL").fetchall()
    if len({row[0] for row in cases}) != len(cases):
        wrong.append("a case's number was given twice")
    if Counter(row[2] for row in cases) != Counter(hashlib.sha256(one).hexdigest() for one in fleet.cases):
        wrong.append(f"{len(fleet.cases)} cases were sent, {len(cases)} received")
    for number, form, digest in cases:
        path = fleet.home / "cases" / f"C-{number:06d}.{form}"
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            wrong.append(f"case {number} has other bytes")
    return wrong


async def all_read(dsn: str) -> None:
    """Until no batch waits for a worker."""
    async with asyncio.timeout(300):
        while True:
            with psycopg.connect(dsn) as connection:
                (left,) = connection.execute("SELECT count(*) FROM jobs WHERE kind = 'read'").fetchone() or (
                    0,
                )
                connection.execute("UPDATE jobs SET leased_until = 0, lease = '' WHERE kind = 'read'")
            if not left:
                return
            await asyncio.sleep(1)


async def play(seed: int, kills: int, top: Path) -> list[str]:
    """One campaign; what is wrong at its end."""
    with postgres() as server, folder("haproxy") as base, contextlib.ExitStack() as stack:
        server.run("ALTER ROLE tmsp SET synchronous_commit = on")  # a commit outlives the server's death
        url = server.database()
        home = with_settings(top / "home", f'database = "{url}"\n')
        web = [{"https": free_port(), "status": free_port()} for _ in range(2)]
        own: list[dict[str, int]] = [*web, {"ssh": free_port()}, {}, {}]
        processes = [await in_background(home, 0, own[0])]
        stack.callback(lambda: [one.stop(signal.SIGKILL) for one in processes])
        processes += [await in_background(home, number, own[number]) for number in range(1, len(ROLES))]
        behind = {name: [one[name] for one in web] for name in ("https", "status")}
        behind["ssh"] = [own[2]["ssh"]]
        ports = stack.enter_context(daemon(haproxy_command(base, behind), 3, base / "log"))
        fleet = Fleet(home, dict(zip(behind, ports, strict=True)), random.Random(seed))
        fleet.password, fleet.ca_file = processes[0].password, processes[0].ready["ca_file"]
        fleet.host_key = await asyncssh.get_server_host_key("127.0.0.1", fleet.ports["ssh"], config=None)
        assert fleet.host_key is not None
        assert fleet.host_key.get_fingerprint() == processes[2].ready["ssh_host_key"]
        names = [f"tm-kill-{number}" for number in range(APPLIANCES)]
        for name in names:
            async with fleet.client("status") as client:
                (await client.post("/v1/registration", json=registration(name))).raise_for_status()
        work = (delivers, delivers, uploads_over_ssh, submits)
        tasks = [asyncio.create_task(one(fleet, name)) for one, name in zip(work, names, strict=True)]
        tasks += [asyncio.create_task(beats(fleet, name)) for name in names]
        killed: Counter[str] = Counter()
        began = time.monotonic()
        for _ in range(kills):
            await asyncio.sleep(fleet.choices.uniform(0.1, 1.0))
            killed[await kill_and_start(fleet, processes, server, own)] += 1
            for task in tasks:
                if task.done():
                    task.result()
        fleet.over = True
        await asyncio.gather(*tasks)
        dsn = url.replace("postgresql+psycopg", "postgresql")
        await all_read(dsn)
        wrong = verdict(fleet, dsn)
        print(f"seed {seed}: {kills} kills in {time.monotonic() - began:.0f} s, {dict(killed)}")
        print(f"  {len(fleet.sent)} batches, {len(fleet.cases)} cases, beats {dict(fleet.beats)}")
        return wrong


def main() -> None:
    """Read the command line, and play."""
    seed, kills = (int(word) for word in (*sys.argv[1:], *("1", "20")[len(sys.argv) - 1 :]))
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as top:
        wrong = asyncio.run(play(seed, kills, Path(top)))
        print("\n".join(wrong) or "  nothing lost, nothing doubled")
        if wrong:
            print((Path(top) / "home.log").read_text()[-4000:])
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
