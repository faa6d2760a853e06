"""`tm-tui logs` and the control socket's routes, over a real socket."""

import asyncio
import errno
import io
import json
import random
import socket
import sys

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from clock import FakeClock
from spooling.events import line, numbered_line, threat_event
from tm_tui.agent.server.control_server import ControlServer
from tm_tui.agent.server.http import on_refusal
from tm_tui.agent.server.routes.spool import spool_routes
from tm_tui.cli.commands import engine_commands
from tm_tui.cli.running import run
from tm_tui.errors import TmError
from tm_tui.link.failures import failure
from tm_tui.link.types import Endpoint
from tm_tui.spool.disk import Quota
from tm_tui.spool.store import Spool


class Sending:
    """Stands in for the delivery service where only its answer counts (the real one.

    Tests/engine/delivery).
    """

    def __init__(self, spool):
        self.spool, self.failure = spool, None

    def send_now(self):
        from tm_tui.delivery.status import Outcome

        future = asyncio.get_running_loop().create_future()
        future.set_result(Outcome(1, 5, self.failure))
        return future

    def status(self):
        from tm_tui.delivery.status import DeliveryStatus, Progress

        return DeliveryStatus("sending", None, None, 0.0, None, Progress(1, 2, 3, 4, 5, 6), 0, 0, ())


class Agent:
    """A spool behind a control socket."""

    def __init__(self, spool):
        self.spool, self.delivery = spool, None


@pytest.fixture
async def agent(tmp_path, monkeypatch):
    """The routes, served as the agent serves them, in a home that the commands find."""
    monkeypatch.setenv("TM_TUI_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "run" / "control.sock"))
        listener.listen()
        async with await Spool.open(tmp_path / "spool", "tm-0042", quota=Quota(bytes=2_000_000)) as spool:
            agent = Agent(spool)
            handlers = {TmError: on_refusal, Exception: on_refusal}
            bound = spool_routes(spool, lambda: agent.delivery, FakeClock())
            routes = [Route(one.call.path, one.endpoint, methods=[one.call.method]) for one in bound]
            server = ControlServer(Starlette(routes=routes, exception_handlers=handlers))
            await server.begin(listener)
            yield agent
            await server.end()


@pytest.fixture
def tm(monkeypatch, capsysbinary):
    """Run a command line beside the server; gives exit code, output, errors."""

    async def call(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsysbinary.readouterr()
        code = await asyncio.to_thread(_code, arguments)
        said = capsysbinary.readouterr()
        return code, said.out.decode(), said.err.decode()

    return call


def _code(arguments):
    try:
        run(engine_commands(), arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


async def test_events_from_standard_input_are_on_disk(agent, tm):
    """A producer pipes its log and reads how many were taken."""
    stdin = b"\n".join(numbered_line(n) for n in range(1, 2001)) + b"\n"
    code, out, _ = await tm("logs", "add", stdin=stdin)
    assert (code, json.loads(out)) == (0, {"accepted": 2000, "rejected": []})
    assert agent.spool.status().events == 2000


async def test_bad_lines_are_told_by_their_number(agent, tm):
    """The line numbers are those of the whole input, across all requests."""
    lines = [line(threat_event()) for _ in range(3000)]
    lines[9] = b"nonsense"
    lines[2500] = line(threat_event(status="gone"))
    code, out, _ = await tm("logs", "add", stdin=b"\n".join(lines))
    said = json.loads(out)
    assert code == 1
    assert said["accepted"] == 2998
    assert [one["line"] for one in said["rejected"]] == [10, 2501]
    assert "status" in said["rejected"][1]["reason"]


async def test_a_full_queue_stops_the_command(agent, tm):
    """The producer learns from which line on nothing was taken, why, and by the exit code that it failed."""
    chance = random.Random(1)  # what can be compressed would make room meanwhile
    lines = [
        line(threat_event(threat={"name": chance.randbytes(120).hex(), "severity": "low"}))
        for _ in range(20_000)
    ]
    code, out, err = await tm("logs", "add", stdin=b"\n".join(lines))
    said = json.loads(out.splitlines()[-1])
    assert code == 1
    assert said["accepted"] == agent.spool.status().events > 0
    assert said["rejected"][0]["line"] == said["accepted"] + 1
    assert "full" in err + said["rejected"][0]["reason"]


async def test_what_waits_is_listed(agent, tm):
    """The shape that scripts rely on: events, and the batches by name."""
    await agent.spool.add([numbered_line(n) for n in range(1, 11)])
    await agent.spool.seal()
    agent.delivery = Sending(agent.spool)
    code, out, _ = await tm("logs", "list", "--json")
    said = json.loads(out)
    assert code == 0
    assert said["events"] == 10
    assert [set(batch) for batch in said["batches"]] == [{"name", "kind", "events", "bytes", "sealed_at"}] * 2
    assert said["delivery"]["progress"]["events"] == 4
    code, out, _ = await tm("logs", "list")
    assert "10 events" in out


@pytest.mark.parametrize(
    ("form", "first"), [("cef", "CEF:0|"), ("leef", "LEEF:2.0|"), ("csv", "seq,id,"), ("ndjson", '{"seq":1,')]
)
async def test_the_queue_is_exported(form, first, agent, tm):
    """Each format comes out on standard output, a line an event."""
    await agent.spool.add([numbered_line(n) for n in range(1, 11)])
    code, out, _ = await tm("logs", "list", "--format", form)
    assert code == 0
    assert out.startswith(first)
    end = "\r\n" if form == "csv" else "\n"  # RFC 4180, section 2
    lines = out.split(end)
    assert len(lines) == 11 + (form == "csv")
    assert lines[-1] == ""
    assert not any("\r" in one or "\n" in one for one in lines)


async def test_send_waits_and_tells_the_outcome(agent, tm):
    """`logs send` ends when the logs are there, or says why they are not."""
    agent.delivery = Sending(agent.spool)
    assert (await tm("logs", "send"))[:2] == (0, "Delivered 5 events in 1 batch.\n")
    agent.delivery.failure = failure("remote-disk-full", "service", Endpoint("192.0.2.1", 443))
    code, _, err = await tm("logs", "send")
    assert code == 1
    assert "The disk of 192.0.2.1:443 is full" in err
    code, out, _ = await tm("logs", "send", "--json")
    assert (code, json.loads(out)["failure"]["code"]) == (1, "remote-disk-full")


async def test_send_while_switched_off_says_so(agent, tm):
    """Nothing is sent to a portal that the appliance is not registered to."""
    code, _, err = await tm("logs", "send")
    assert code == 1
    assert "switched off" in err


async def test_no_agent_is_exit_code_3(tm, tmp_path, monkeypatch):
    """A script can tell "no agent" from "refused"."""
    monkeypatch.setenv("TM_TUI_HOME", str(tmp_path))
    code, out, _ = await tm("logs", "add", stdin=numbered_line(1))
    assert code == 3
    assert json.loads(out.splitlines()[0])["accepted"] == 0


async def test_a_line_without_end_does_not_fill_the_memory(agent, tm):
    """Megabytes without a line end are one bad line."""
    code, out, _ = await tm("logs", "add", stdin=b"x" * 3_000_000 + b"\n" + numbered_line(1))
    said = json.loads(out)
    assert (code, said["accepted"]) == (1, 1)
    assert [one["line"] for one in said["rejected"]] == [1]


@pytest.mark.parametrize("commits", [0, 2, 6])
async def test_a_disk_that_fails_meanwhile_stops_the_command_and_costs_no_event(commits, agent, tm):
    """The script learns how many are on the disk, and which lines to repeat: none twice, none missing."""
    core, trace = agent.spool._opened.core, agent.spool._opened.core.trace
    left = [commits]

    def failing(point):
        if point == "commit":
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.EIO, "x")

    core.trace = failing
    lines = [line(threat_event(threat={"name": f"T{n}", "severity": "low"})) for n in range(4000)]
    code, out, err = await tm("logs", "add", stdin=b"\n".join(lines))
    said = json.loads(out.splitlines()[-1])
    assert code == 1
    assert said["accepted"] == agent.spool.status().events
    assert said["not_taken_from"] == said["accepted"] + 1 == said["rejected"][0]["line"]
    assert "disk reports an error" in said["rejected"][0]["reason"] + err
    core.trace = trace
    code, out, _ = await tm("logs", "add", stdin=b"\n".join(lines[said["not_taken_from"] - 1 :]))
    assert code == 0
    names = [json.loads(one)["threat"]["name"] async for one in agent.spool.lines()]
    assert names == [f"T{n}" for n in range(4000)]


async def test_lines_of_which_nobody_said_what_became_of_them_are_named(tm, tmp_path, monkeypatch):
    """The agent is killed after it has read them: they are on the disk, or they are not."""
    monkeypatch.setenv("TM_TUI_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()

    async def read_and_go(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_unix_server(read_and_go, tmp_path / "run" / "control.sock")
    async with server:
        code, out, _ = await tm("logs", "add", stdin=numbered_line(1) + b"\n" + numbered_line(2) + b"\n")
    assert code == 3
    assert json.loads(out.splitlines()[0]) == {"accepted": 0, "rejected": [], "unknown": {"from": 1, "to": 2}}
