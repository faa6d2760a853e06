"""Pictures of trials, history, sessions and an idle console at 80x24 and 120x40."""

from typing import Any

import pytest

from face.conftest import SIZES, Console, Story
from face.scripted import NOON, ScriptedAgent, status
from face.test_idle import KEPT
from face.test_trial import CHANGES, ROLLBACK, TRIAL, history
from tm_tui.api.agent import CertificateInfo, ServerIdentity, SessionEntry, TrustDocument

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


STORIES: dict[str, tuple[Story, str]] = {
    "on-trial": (on_trial, "box bottom"),
    "rolled-back": (rolled_back, "box bottom"),
    "save-how": (save_how, "box"),
    "change-history": (change_history, "top page keys"),
    "compared": (compared, "box"),
    "sessions": (sessions, "head top page"),
    "console": (console_form, "top page keys"),
    "logging-out": (logging_out, "page bottom panel"),
    "kept-draft": (kept_draft, "box"),
    "servers": (identity, "top page"),
    "chain": (chain, "box"),
}
"""Each with the parts of the screen that it is about."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("story", STORIES)
async def test_screen(story: str, size: str, agent: ScriptedAgent, pictured: Any) -> None:
    """The screen looks as it did when somebody last looked at it."""
    play, parts = STORIES[story]
    agent.kept = KEPT if story == "kept-draft" else None
    await pictured(agent, play, parts, size)
