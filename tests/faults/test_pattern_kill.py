"""kill -9 while a pattern is fetched, put in its place, deployed: what was stays, done is done once."""

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents import agent_process, settings_for, short_home, status_when
from patterning.deploying import CONTENT, LIMIT, stored, target, until
from patterning.repository import Repository
from patterning.serving import PREFIX, PatternServer, serving
from servers.certificates import Certificates
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import DeployRequest, SaveRequest, SecretChanges
from tm_tui.paths import Home
from tm_tui.patterns.deployment_record import Deployment, Plan, Result
from tm_tui.patterns.pattern import Offered, Pattern
from tm_tui.patterns.store import PatternStore

NEW = b"the second edition"
WRITES = ("fsync", "rename", "unlink", "write", "replace", "fchmod")


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """In a child: SIGKILL instead of the n-th call that changes the disk."""
    left = [number]

    def counting(real: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **named)

        return call

    before = {name: getattr(os, name) for name in WRITES}
    for name, real in before.items():
        setattr(os, name, counting(real))
    yield
    for name, real in before.items():
        setattr(os, name, real)


def in_child(number: int, work: Any) -> bool:
    """Do this in a forked child that is killed at its n-th write; True if it came to its end."""
    child = os.fork()
    if not child:
        with killed_at(number):
            work()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def offered(content: bytes) -> Offered:
    pattern = Pattern(id=1, type="bandage", version="2.0", description="Anew")
    return Offered(pattern, "p1", len(content), (("sha256", hashlib.sha256(content).hexdigest()),))


def test_a_swap_is_whole_or_did_not_happen(tmp_path: Path) -> None:
    """Killed at each of its writes, the store holds the old pattern or the new one, whole, nothing else."""
    ended, number, seen = False, 0, set()
    while not ended:
        number += 1
        folder = tmp_path / str(number)
        store, _ = stored(folder)

        def swap(store: PatternStore = store) -> None:
            whole = store.temporary()
            whole.write_bytes(NEW)
            store.keep(offered(NEW), whole, datetime.now(UTC))

        ended = in_child(number, swap)
        after = PatternStore(folder)
        after.load()
        found = after.checked(1)
        assert found is not None
        content = found[1].read_bytes()
        assert content in {CONTENT, NEW}
        assert (found[0].version == "2.0") == (content == NEW)
        assert len(list(folder.iterdir())) == 2
        seen.add(content)
    assert number > 5
    assert seen == {CONTENT, NEW}


def test_a_journal_keeps_what_was_written(tmp_path: Path) -> None:
    """Killed at each write, a result is there whole or not at all, and the next one is not spoiled by it."""
    pattern = Pattern(id=1, type="bandage", version="1.0")
    plan = Plan(
        number=1,
        uid="u",
        pattern=pattern,
        by="admin",
        started_at=datetime.now(UTC),
        targets=(target("a"), target("b")),
    )
    ended, number = False, 0
    while not ended:
        number += 1
        folder = tmp_path / str(number)
        one = Deployment.begin(folder, plan)

        def note(one: Deployment = one) -> None:
            one.add(Result(n=0, at=datetime.now(UTC), state="deployed", cleanup="cleaned"))

        ended = in_child(number, note)
        with (folder / "000000001.journal").open("ab") as journal:
            journal.write(b'{"n": 1, "at": "2026-')
        again = Deployment.load(folder, 1)
        assert again is not None
        assert 1 in again.left()
        again.add(Result(n=1, at=datetime.now(UTC), state="failed"))
        last = Deployment.load(folder, 1)
        assert last is not None
        assert last.results[1].state == "failed"
        assert (0 in last.results) == (0 in again.results)
    assert 0 in last.results


async def save(client: ControlClient, port: int, ca_file: Path) -> None:
    """Switch the agent on, at this status server."""
    settings = settings_for(port, seconds=5) | {"trust": {"ca_file": str(ca_file)}}
    request = SaveRequest(settings=settings, secrets=SecretChanges.model_validate({"tmsp": "pw"}))
    await client.save(request, 0)


class StatusServer(PatternServer):
    """It registers and takes beats too."""

    root = ""

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1]
            if path.startswith(PREFIX):
                await self._file(path.removeprefix(PREFIX), writer)
                continue
            size = int(next(line[15:] for line in head.lower().splitlines() if "content-length:" in line))
            body = json.loads(await reader.readexactly(size))
            now = datetime.now(UTC).isoformat()
            told = {"appliance": body["appliance"], "registered_at": now, "server_time": now}
            reply = json.dumps(told | {"pattern_root": self.root, "notices": []}).encode()
            writer.write(b"HTTP/1.1 200 x\r\ncontent-length: %d\r\n\r\n" % len(reply) + reply)
            await writer.drain()


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


async def test_killed_in_the_middle_of_a_download(certificates: Certificates, home: Home) -> None:
    """After kill -9 half-way through a pattern the agent fetches it anew; the one before stays meanwhile."""
    repository = Repository()
    repository.add(1, b"the first")
    async with serving(certificates, repository.files, StatusServer) as server:
        assert isinstance(server, StatusServer)
        server.root = repository.first_root.decode()
        with agent_process(home) as process:
            async with ControlClient(home.control_socket) as client:
                await save(client, server.port, certificates.ca_file)
                await status_when(client, lambda now: now.patterns.newest_id == 1)
                path = repository.add(2, b"x" * 200_000)
                server.drips(path, b"x" * 1000, 0.01)
                await client.check_patterns()
                await until(lambda: server.sent > 20_000 and path in server.asked)
                process.kill()
                process.wait(LIMIT)
        server.answers.clear()
        with agent_process(home):
            async with ControlClient(home.control_socket) as client:
                await status_when(client, lambda now: now.patterns.newest_id == 2)
                document = await client.patterns()
                assert [one.id for one in document.patterns] == [2, 1]
    names = sorted(path.name for path in (home.state / "patterns" / "files").iterdir())
    assert [name[:9] for name in names] == ["000000001"] * 2 + ["000000002"] * 2


async def test_killed_in_the_middle_of_a_deployment(home: Home) -> None:
    """After kill -9 the deployment goes on: what was done is not done again, each result is logged once."""
    folder = home.state.parent
    for made in (home.config, home.state):
        made.mkdir(mode=0o700, parents=True)
    (home.state / "patterns").mkdir(mode=0o700)
    stored(home.state / "patterns" / "files")
    script = folder / "deployer.sh"
    script.write_text(
        f"""#!/bin/sh
        read -r request
        for id in $(printf '%s' "$request" | grep -o '"id": "[0-9]*"' | grep -o '[0-9]*'); do
            [ $id = 2 ] && while [ ! -e {folder}/go ]; do sleep 0.05; done
            echo $id >>{folder}/done
            echo '{{"id": "'$id'", "outcome": "deployed"}}'
        done
        """
    )
    script.chmod(0o700)
    deployer = home.config / "deployer.toml"
    deployer.write_text(f'argv = ["{script}"]\nretry_seconds = 0.1\n')
    deployer.chmod(0o600)
    names = ("pc-0", "pc-1", "pc-2", "pc-3")
    with agent_process(home) as process:
        async with ControlClient(home.control_socket) as client:
            await client.deploy_pattern(DeployRequest(pattern=1, endpoints=names))
            await status_when(client, lambda now: bool((d := now.patterns.deployment) and d.deployed == 2))
            process.kill()
            process.wait(LIMIT)
    (folder / "go").touch()
    with agent_process(home):
        async with ControlClient(home.control_socket) as client:
            info = await client.deployment(1, wait=True)
            assert (info.state, info.deployed) == ("done", 4)
            spool = await client.spool()
            assert spool.events == 8
    done = (folder / "done").read_text().split()
    assert done.count("0") == done.count("1") == 1
    assert {"2", "3"} <= set(done)
