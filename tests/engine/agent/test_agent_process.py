"""The agent as a process: one a home, ended in time, none the worse for kill -9."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents import (
    CANARY,
    LIMIT,
    agent_process,
    before_others,
    settings_for,
    short_home,
    start_agent,
    status_when,
)
from people import settled_groups
from servers.misbehaving import say_nothing, server
from tm_tui.agent.identity import appliance_name
from tm_tui.api.agent import ServerState
from tm_tui.api.client import AgentAbsent, ControlClient
from tm_tui.api.requests import ProbeRequest, SaveRequest, SecretChanges
from tm_tui.errors import StorageFailed
from tm_tui.paths import Home
from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


def ended(process: subprocess.Popen[str], limit: float = 2.0) -> int:
    return process.wait(timeout=limit)


@pytest.mark.timeout(300)  # it may wait for the tests that make the groups
async def test_folders_and_socket_are_the_agents_alone(home: Home) -> None:
    """Nobody else on the machine may look into the agent's folders or open its socket by accident."""
    with settled_groups() as there, agent_process(home):
        for folder in (home.config, home.state):
            assert folder.stat().st_mode & 0o7777 == 0o700
        # Members of the groups of docs/control.md pass to the socket, where a machine has those.
        assert home.run.stat().st_mode & 0o7777 == (0o710 if there else 0o700)
        assert home.control_socket.stat().st_mode & 0o777 == 0o660


def test_a_second_agent_refuses(home: Home) -> None:
    """Two agents never share a home: the second says which process has it, and ends with 1."""
    with agent_process(home) as first:
        second = start_agent(home)
        _, said = second.communicate(timeout=LIMIT)
        assert second.returncode == 1
        assert f"process {first.pid}" in said
        assert home.control_socket.exists()
        assert first.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_within_two_seconds(home: Home, number: signal.Signals) -> None:
    """Stopping is quick while a console watches, a test runs and a beat hangs in a silent portal."""
    async with server(say_nothing) as hole:
        with agent_process(home) as process:
            async with ControlClient(home.control_socket) as client:
                secrets = SecretChanges(tmsp=SecretStr(CANARY))
                await client.save(SaveRequest(settings=settings_for(hole.port), secrets=secrets), 0)
                await asyncio.wait_for(hole.somebody.wait(), LIMIT)
                watching = client.status_stream()
                await anext(watching)
                testing = client.probe(ProbeRequest())
                await anext(testing)
                before_others(process)
                process.send_signal(number)
                assert await asyncio.to_thread(ended, process) == 0
                with pytest.raises(AgentAbsent):
                    async for _ in watching:
                        pass
                with pytest.raises(AgentAbsent):
                    async for _ in testing:
                        pass
        assert not home.control_socket.exists()


def test_a_hanging_disk_does_not_hold_up_the_end(home: Home) -> None:
    """The agent ends in time even while a call to the system hangs that nobody can cancel."""
    hanging = """
import time
from tm_tui.settings.store import SettingsStore
load = SettingsStore.load
def hang(store):
    SettingsStore.load = lambda store: print("hanging", flush=True) or time.sleep(60)
    return load(store)
SettingsStore.load = hang
"""
    with agent_process(home, hanging) as process:
        process.send_signal(signal.SIGHUP)
        assert process.stdout
        assert process.stdout.readline() == "hanging\n"
        before_others(process)
        process.terminate()
        assert ended(process) == 0
        assert not home.control_socket.exists()


def test_an_interpreter_that_is_slow_to_end_is_no_crash(home: Home) -> None:
    """Once all is closed no alarm kills the process any more: systemd would take it for a failure."""
    slow = """
import time
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(2)
slow = Slow()
"""
    with agent_process(home, slow) as process:
        process.terminate()
        assert ended(process, LIMIT) == 0


async def test_hangup_reads_the_settings_again(home: Home) -> None:
    """Settings that another program saved count after a SIGHUP."""
    with agent_process(home) as process:
        async with ControlClient(home.control_socket) as client:
            assert (await client.status()).revision == 0
            store = SettingsStore(home.config)
            store.save(Settings.parse({"tmsp": {"email": "a@example.com"}}), {}, expected=0, saved_by="me")
            process.send_signal(signal.SIGHUP)
            await status_when(client, lambda status: status.revision == 1)
            assert (await client.settings()).settings["tmsp"]["email"] == "a@example.com"


async def test_a_damaged_revision_is_an_alert(home: Home) -> None:
    """Damaged settings do not stop the agent: the last good ones count, and the status says so."""
    store = SettingsStore(home.config)
    store.save(Settings(), {}, expected=0, saved_by="me")
    store.save(Settings.parse({"tmsp": {"email": "a@example.com"}}), {}, expected=1, saved_by="me")
    with (home.config / "revisions" / "000002" / "settings.toml").open("ab") as file:
        file.write(b"#")
    with agent_process(home):
        async with ControlClient(home.control_socket) as client:
            status = await client.status()
            assert status.revision == 1
            assert "checksum differs" in status.alerts[0]
            assert "Revision 1 is in force" in status.alerts[0]
            assert status.state is ServerState.DISABLED
            await client.save(SaveRequest(settings=Settings().plain()), 1)
            assert not any("checksum" in alert for alert in (await client.status()).alerts)


async def test_kill_9_leaves_nothing_in_the_way(home: Home) -> None:
    """After a crash the agent starts again over the stale socket, as the same appliance."""
    with agent_process(home) as first:
        async with ControlClient(home.control_socket) as client:
            name = (await client.status()).appliance
            first.kill()
            first.wait()
            assert home.control_socket.exists()
            with pytest.raises(AgentAbsent):
                await client.status()
    with agent_process(home):
        async with ControlClient(home.control_socket) as client:
            assert (await client.status()).appliance == name
    assert name.startswith("tm-")
    assert len(name) == 15


def test_tells_systemd(home: Home) -> None:
    """Type=notify units see when the agent serves, that it lives, when it reloads and when it ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("")
        systemd.settimeout(LIMIT)
        address = "@" + systemd.getsockname()[1:].decode()

        def told(word: bytes) -> None:
            while word not in systemd.recv(4096):
                pass

        with agent_process(home, NOTIFY_SOCKET=address, WATCHDOG_USEC="200000") as process:
            told(b"READY=1")
            told(b"WATCHDOG=1")
            process.send_signal(signal.SIGHUP)
            told(b"RELOADING=1\nMONOTONIC_USEC=")
            told(b"READY=1")
            process.terminate()
            told(b"STOPPING=1")
            assert ended(process) == 0


def test_memory_is_not_open_to_others(home: Home) -> None:
    """Passwords in the agent's memory end in no core file and are read by no other process of its user."""
    with agent_process(home) as process:
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert core.split()[4] == "0"
    ask = "print(ctypes.CDLL(None).prctl(3))"  # PR_GET_DUMPABLE, which only the process itself may ask for
    code = f"import ctypes; from tm_tui.harden import harden; harden(); {ask}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


async def test_no_password_in_log_or_answer(home: Home) -> None:
    """A password goes in and comes out nowhere: no answer, no log line, no file but secrets.json."""
    with agent_process(home) as process:
        async with ControlClient(home.control_socket) as client:
            secrets = SecretChanges(tmsp=SecretStr(CANARY), proxy=SecretStr(CANARY))
            document = await client.save(SaveRequest(settings=settings_for(1), secrets=secrets), 0)
            assert document.secrets_set == ("proxy", "tmsp")
            await status_when(client, lambda status: status.log_server.last_failure is not None)
            answers = [
                repr(document),
                repr(await client.status()),
                repr(await client.history()),
                repr(await client.revision(1)),
                repr(await client.differences(0, 1)),
                repr([step async for step in client.probe(ProbeRequest())]),
            ]
        process.terminate()
        out, err = await asyncio.to_thread(process.communicate, None, LIMIT)
    assert "Revision 1 is in force" in err
    assert CANARY not in "".join([*answers, out, err])
    files = [path for folder in (home.config, home.state) for path in folder.rglob("*") if path.is_file()]
    holding = {path.name for path in files if CANARY.encode() in path.read_bytes()}
    assert holding == {"secrets.json"}


def test_a_foreign_home_is_refused(home: Home) -> None:
    """An agent does not trust folders that belong to another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    home.state.mkdir(parents=True)
    os.chown(home.state, 65534, 65534)
    process = start_agent(home)
    _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "belongs to user 65534" in said


def test_a_damaged_name_is_not_replaced(home: Home) -> None:
    """The appliance never changes its name by itself: its logs are filed under it."""
    home.state.mkdir(parents=True, mode=0o700)
    name = appliance_name(home.state)
    assert appliance_name(home.state) == name
    (home.state / "appliance").write_text("../../etc\n")
    with pytest.raises(StorageFailed, match="does not hold the name"):
        appliance_name(home.state)
