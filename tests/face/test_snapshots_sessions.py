"""Pictures of trials, history, sessions and an idle console at 80x24 and 120x40."""

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from face.conftest import Console, HeldClock
from face.scripted import NOON, ScriptedAgent, status
from face.test_idle import KEPT
from face.test_trial import CHANGES, ROLLBACK, TRIAL, history
from screens.shell.app import TmTui
from tm_tui.api.agent import CertificateInfo, ServerIdentity, SessionEntry, TrustDocument

SIZES = [(80, 24), (120, 40)]
Story = Callable[[Console, ScriptedAgent], Awaitable[None]]

CHAIN = tuple(
    CertificateInfo(
        subject=f"CN={name}",
        issuer="CN=Portal Authority,O=Example",
        not_before=NOON,
        not_after=NOON,
        sha256=":".join([digits] * 32),
    )
    for name, digits in (("status.example.com", "A1"), ("Portal Authority,O=Example", "B2"))
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Absolute times in one zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def on_trial(console: Console, agent: ScriptedAgent) -> None:
    agent.statuses.put_nowait(status(trial=TRIAL))
    await console.sees("TRIAL 9:00")
    await console.press("f6")
    await console.dialog("Keep revision 17?")


async def rolled_back(console: Console, agent: ScriptedAgent) -> None:
    agent.statuses.put_nowait(status(rollback=ROLLBACK))
    await console.dialog("A trial was taken back")


async def save_how(console: Console, agent: ScriptedAgent) -> None:
    await console.open("TMSP")
    await console.go("tmsp.username")
    await console.type("x")
    await console.press("f6")
    await console.dialog("Save untested?")


async def change_history(console: Console, agent: ScriptedAgent) -> None:
    agent.saved = history()
    await console.open("Change History")
    await console.sees("trial taken back")
    await console.press("down")


async def compared(console: Console, agent: ScriptedAgent) -> None:
    agent.changes = {(15, 16): CHANGES, (16, 17): CHANGES[:1]}
    await change_history(console, agent)
    await console.press("enter")
    await console.dialog("Revision 16")


async def sessions(console: Console, agent: ScriptedAgent) -> None:
    both = (
        SessionEntry(user="admin", role="write", tty="ttyS0", id="a", seconds=600.0),
        SessionEntry(
            user="root",
            role="write",
            tty="pts/1",
            ssh_from="192.0.2.7",
            id="b",
            seconds=60.0,
            editing=("TMSP",),
        ),
    )
    agent.statuses.put_nowait(status(sessions=both))
    await console.open("Sessions")
    await console.sees("edits TMSP")


async def console_form(console: Console, agent: ScriptedAgent) -> None:
    await console.open("Console")
    await console.sees("0 never")


async def logging_out(console: Console, agent: ScriptedAgent) -> None:
    console.clock.second += 14 * 60 + 30
    await console.sees("Logging out in 30 s")


async def kept_draft(console: Console, agent: ScriptedAgent) -> None:
    await console.dialog("You have unsaved changes")


async def identity(console: Console, agent: ScriptedAgent) -> None:
    agent.trusted = TrustDocument(
        ca_file="/etc/ssl/portal-ca.pem",
        authorities=CHAIN[-1:],
        host_keys=(),
        servers=(
            ServerIdentity(server="log_server", endpoint="[logs.example.com]:22", verified_by="ssh"),
            ServerIdentity(
                server="status_server",
                endpoint="[status.example.com]:443",
                verified_by="tls",
                seen_at=NOON,
                chain=CHAIN,
            ),
        ),
    )
    await console.open("Server Identity")
    await console.sees("2 certificates (Enter)")


async def chain(console: Console, agent: ScriptedAgent) -> None:
    await identity(console, agent)
    await console.rested()
    await console.press("down", "down")
    await console.rested()
    await console.press("enter")
    await console.dialog("issued by CN=Portal Authority")


STORIES: dict[str, Story] = {
    "on-trial": on_trial,
    "rolled-back": rolled_back,
    "save-how": save_how,
    "change-history": change_history,
    "compared": compared,
    "sessions": sessions,
    "console": console_form,
    "logging-out": logging_out,
    "kept-draft": kept_draft,
    "servers": identity,
    "chain": chain,
}


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("story", STORIES)
def test_screen(story: str, size: tuple[int, int], snap_compare: Any) -> None:
    """The screen looks as it did when somebody last looked at it."""
    agent = ScriptedAgent()
    agent.statuses.put_nowait(status())
    agent.kept = KEPT if story == "kept-draft" else None
    clock = HeldClock()
    app = TmTui(agent.connect, clock=clock, tty="ttyS0")

    async def play(pilot: Pilot[int]) -> None:
        console = Console(app, pilot, clock)
        await console.until(lambda: app.main.draft)
        await STORIES[story](console, agent)
        await console.rested()

    assert snap_compare(app, terminal_size=size, run_before=play)
