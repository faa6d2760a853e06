"""The console against the real agent, over its real socket: nothing is scripted here."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from face.conftest import Console, HeldClock, console_of
from screens.desk.agent import Connection
from screens.desk.fill import read_fill
from screens.desk.private import Private
from tm_tui.api.client import ControlClient
from tm_tui.api.launch import AgentProcess
from tm_tui.api.requests import SaveRequest
from tm_tui.errors import TmError
from tm_tui.paths import Home


class MovingClock(HeldClock):
    """The real time, with short waits."""

    def monotonic(self) -> float:
        return super(HeldClock, self).monotonic()


def runs(pid: int) -> bool:
    """Whether this process is there."""
    return Path(f"/proc/{pid}").exists()


def agent_of(home: Home) -> AgentProcess:
    """The agent's process of a home."""
    environ = {**os.environ, "TM_TUI_HOME": str(home.config.parent)}
    return AgentProcess(home.config.parent / "agent.log", environ)


@asynccontextmanager
async def console_on(home: Home) -> AsyncIterator[Console]:
    """A console on a home's control socket."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        async with ControlClient(home.control_socket) as client:
            yield Connection(client)

    async with console_of(connect, clock=MovingClock()) as console:
        yield console


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A fresh appliance."""
    return Home.under(tmp_path)


async def fill_in(console: Console) -> None:
    """Type a whole registration into the TMSP form, nobody listens on its ports."""
    await console.sees("TMSP  DISABLED")
    await console.open("TMSP")
    await console.press("space")
    for key, text in (
        ("tmsp.log_server.host", "127.0.0.1"),
        ("tmsp.status_server.host", "127.0.0.1"),
        ("tmsp.username", "register"),
        ("tmsp.password", "geheim"),
    ):
        await console.go(key)
        await console.type(text)
    for key in ("tmsp.log_server.port", "tmsp.status_server.port"):
        await console.go(key)
        await console.press("ctrl+u")
        await console.type("1")


async def test_register_test_and_save(home: Home) -> None:
    """The main job by keyboard: type, test (refused ports told with cause), save untested, status follows."""
    async with agent_of(home), console_on(home) as console:
        await fill_in(console)
        await console.press("f3")
        await console.sees("Test FAILED at")
        await console.sees("tcp-refused")
        await console.press("f2")
        await console.dialog("The test of these values FAILED:")
        await console.press("right", "enter")
        await console.sees("Saved as revision 1")
        await console.until(
            lambda: console.app.main.seen.status and console.app.main.seen.status.revision == 1
        )
        await console.sees("(unchanged)")
        assert console.app.main.draft is not None
        assert console.app.main.draft.changed() == ()
    saved = (home.config / "current" / "secrets.json").read_text()
    assert "geheim" in saved


async def test_two_admins_conflict(home: Home) -> None:
    """The second save on the same revision shows what the first changed, and goes on top of it."""
    async with agent_of(home), console_on(home) as console, ControlClient(home.control_socket) as other:
        await fill_in(console)
        mine = await other.settings()
        changed = {**mine.settings, "tmsp": {**mine.settings["tmsp"], "email": "other@example.com"}}
        console.app.main.workers.cancel_group(console.app.main, "agent")  # no news from the stream meanwhile
        await other.save(SaveRequest(settings=changed), mine.revision)
        await console.press("f2")
        question = await console.dialog("Somebody else saved")
        assert "other@example.com" in question.words
        await console.press("right", "enter")
        await console.sees("test and save again")
        await console.press("f2")
        await console.dialog("Save after a FAILED test?")
        await console.press("right", "enter")
        await console.sees("Saved as revision 2")
        settings = (await other.settings()).settings["tmsp"]
        assert (settings["email"], settings["username"]) == ("other@example.com", "register")


async def test_the_agent_is_killed_and_comes_back(home: Home) -> None:
    """Kill -9 of the agent with a half-typed form: told, nothing lost, saved after its return."""
    async with console_on(home) as console:
        async with agent_of(home) as process:
            await fill_in(console)
            os.kill(process.pid, signal.SIGKILL)
            await console.sees("AGENT NOT RUNNING")
            await console.press("f2")
            question = await console.dialog("Not saved")
            assert "tm-tui agent" in question.words
            await console.press("enter")
        async with agent_of(home):
            await console.sees("TMSP  DISABLED")
            assert console.field("tmsp.username").value == "register"
            await console.press("f2")
            await console.dialog("Save after a FAILED test?")
            await console.press("right", "enter")
            await console.sees("Saved as revision 1")


async def test_a_file_that_the_agent_cannot_read_is_told_at_its_field(home: Home) -> None:
    """The CA file is read by the agent: its refusal stands at the field."""
    async with agent_of(home), console_on(home) as console:
        await console.sees("TMSP  DISABLED")
        await console.open("Server Identity")
        await console.go("trust.ca_file")
        await console.type("/nowhere.pem")
        await console.press("f2")
        await console.until(lambda: console.field("trust.ca_file").problem is not None)


async def test_a_private_agent_lives_as_long_as_the_console(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an agent one is started, the screen says so, and it is gone afterwards."""
    monkeypatch.setenv("TM_TUI_HOME", str(home.config.parent))
    async with Private(home) as private:

        @asynccontextmanager
        async def connect() -> AsyncIterator[Connection]:
            ours = await private.ready()
            async with ControlClient(home.control_socket) as client:
                yield Connection(client, ours)

        async with console_of(connect, clock=MovingClock()) as console:
            await console.sees("private agent")
            status = await console.until(lambda: console.app.main.seen.status)
            assert runs(status.pid)
    assert not runs(status.pid)


async def test_a_private_agent_that_cannot_start_is_told_once(tmp_path: Path) -> None:
    """When no agent can be started, the console says why and still finds one that somebody else starts."""
    (tmp_path / "state").write_text("in the way")
    private = Private(Home.under(tmp_path))
    async with private:
        with pytest.raises(TmError, match="File exists"):
            await private.ready()
        assert await private.ready() is False


def test_a_fill_file_gives_its_own_keys(tmp_path: Path) -> None:
    """Only what stands in the file is typed into the form, in its normal form."""
    path = tmp_path / "fill.toml"
    path.write_text('schema = 1\n[tmsp.log_server]\nhost = "LOGS.example.com"\nport = 2222\n')
    assert read_fill(path) == {"tmsp.log_server.host": "logs.example.com", "tmsp.log_server.port": "2222"}


@pytest.mark.parametrize("text", ["not toml [", "schema = 2\n", "[tmsp]\nusername = 1\n"])
def test_a_wrong_fill_file_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is no settings.toml ends before the screen is touched, with cause and remedy."""
    path = tmp_path / "fill.toml"
    path.write_text(text)
    with pytest.raises(TmError):
        read_fill(path)
    with pytest.raises(TmError):
        read_fill(tmp_path / "none.toml")
