"""Pictures of each screen at 80x24 and 120x40: a change of look is seen and decided, not stumbled upon.

They are text (face/golden.py). Two images stay, as the docs show them: the whole house, and a passed test.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from face.conftest import SIZES, Console, Story
from face.scripted import NOON, PASSED, ScriptedAgent, host_key_in_the_way, refused_password, status
from face.test_cases import FAILED, RECEIVED, case, snapshot
from tm_tui.api.agent import (
    ActivityLine,
    CertificateInfo,
    HostKeyInfo,
    LastFailure,
    ServerState,
    TrustDocument,
)
from tm_tui.api.cases import CaseProgress


async def status_page(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")


async def failing(console: Console, agent: ScriptedAgent) -> None:
    failure = LastFailure(
        code="tls-expired",
        stage="tls",
        cause="The certificate of status.example.com expired on 2026-11-20.",
        remedy="Ask the portal's administrator to renew it.",
        at=NOON,
        count=3,
    )
    shape = status(ServerState.FAILING)
    server = shape.status_server.fields() | {"last_failure": failure, "beats_missed": 3}
    agent.statuses.put_nowait(type(shape)(**(shape.fields() | {"status_server": server})))
    await console.sees("tls-expired 3 times")


async def gone(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    agent.alive = False
    agent.statuses.put_nowait(None)
    await console.sees("AGENT NOT RUNNING")
    console.clock.second += 12
    await console.sees("for 12 s")


async def preview(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    await console.press("down")
    await console.sees("credentials, intervals.")


async def tmsp(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    await console.open("TMSP")
    await console.go("tmsp.log_server.host")
    await console.sees("~" if console.field("tmsp.log_server.host").changed else "Log port 22")
    await console.rested()


async def wrong_value(console: Console, agent: ScriptedAgent) -> None:
    await tmsp(console, agent)
    await console.type("_x")
    await console.press("tab", "shift+tab")
    await console.sees("! Each part of a name")


async def passed_test(console: Console, agent: ScriptedAgent) -> None:
    await tmsp(console, agent)
    await console.press("f3")
    await console.sees("Test passed")


async def failed_test(console: Console, agent: ScriptedAgent) -> None:
    agent.probes = [refused_password()]
    await tmsp(console, agent)
    await console.press("f3")
    await console.sees("The server refused this user name")


async def host_key(console: Console, agent: ScriptedAgent) -> None:
    agent.probes = [host_key_in_the_way(), PASSED]
    await tmsp(console, agent)
    await console.press("f3")
    await console.dialog("Is this the log server?")


async def switch_off(console: Console, agent: ScriptedAgent) -> None:
    await tmsp(console, agent)
    await console.go("tmsp.enabled")
    await console.rested()
    await console.press("space", "f2")
    await console.dialog("Switch off")


async def proxy(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    await console.open("Proxy Settings")
    await console.press("space", "tab", "right", "right", "right")
    await console.sees("~Port 1080")


async def queue_limits(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    await console.open("Queue Limits")
    await console.press("end", "9", "9")
    await console.press("tab")
    await console.sees("not saved")


async def identity(console: Console, agent: ScriptedAgent) -> None:
    fingerprint = "SHA256:uNiVztksCsDhcc0u9e8BrrJXVuNKLCYBpMIoQUJDnZc"
    key = HostKeyInfo(
        endpoint="[logs.example.com]:22", algorithm="ssh-ed25519", fingerprint=fingerprint, state="approved"
    )
    authority = CertificateInfo(
        subject="CN=Lab CA",
        issuer="CN=Lab CA",
        not_before=datetime(2021, 1, 1, tzinfo=UTC),
        not_after=datetime(2031, 1, 1, tzinfo=UTC),
        sha256=":".join(["1F", "2E", "3D", "4C"] * 8),
    )
    agent.trusted = TrustDocument(ca_file="/etc/lab-ca.pem", authorities=(authority,), host_keys=(key,))
    await console.sees("TMSP  CONNECTED")
    await console.open("Server Identity")
    await console.sees(fingerprint)


async def cases(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    progress = CaseProgress(number=3, phase="sending", done_bytes=47, bytes=100, seconds_left=83.0)
    waiting = case(2, last_failure=FAILED, next_try_in_seconds=280.0)
    agent.cases_held = [case(3, "sending", endpoint="pc-3"), waiting, case(1, "submitted", **RECEIVED)]
    agent.statuses.put_nowait(snapshot(1, state="sending", progress=progress))
    await console.open("Submit a Case")
    await console.sees("1 min left")
    await console.sees("sample downloaded")


async def log_queue(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    shape = status()
    progress = {"batches_done": 3, "batches": 9, "events_done": 3, "events": 9, "bytes_done": 40, "bytes": 90}
    server = shape.log_server.fields() | {"delivery": "sending", "progress": progress}
    agent.statuses.put_nowait(type(shape)(**(shape.fields() | {"log_server": server})))
    await console.open("Log Queue")
    await console.sees("3 / 9 batches")


async def activity(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    for number, (level, text) in enumerate(ACTIVITY):
        at = NOON + timedelta(hours=6 * number)
        agent.activity.put_nowait(ActivityLine(at=at, level=level, text=text))
    await console.open("Activity")
    await console.sees(ACTIVITY[-1][1])


async def diagnostics(console: Console, agent: ScriptedAgent) -> None:
    await console.open("Diagnostics")
    await console.sees("tls-expired, in step tls")


async def help_page(console: Console, agent: ScriptedAgent) -> None:
    await console.sees("TMSP  CONNECTED")
    await console.press("f1")
    await console.sees("lines below") if console.app.size.height == 24 else await console.sees("Esc closes")


async def palette(console: Console, agent: ScriptedAgent) -> None:
    await tmsp(console, agent)
    await console.press("ctrl+p")
    await console.sees("Command:")


ACTIVITY: tuple[tuple[Literal["info", "warning"], str], ...] = (
    ("info", "Registered as tm01."),
    ("info", "admin saved revision 17: Log server, Protocol."),
    ("warning", "Log server (tls-expired). The certificate expired on 2026-11-20. Ask for a new one."),
    ("info", "Delivered 1,204 events in 3 batches."),
)

STORIES: dict[str, tuple[Story, str]] = {
    "status": (status_page, "head top page bottom panel keys"),
    "failing": (failing, "top page bottom panel"),
    "agent-gone": (gone, "top page bottom panel"),
    "preview": (preview, "entry top help buttons keys"),
    "tmsp": (tmsp, "top page bottom keys"),
    "wrong-value": (wrong_value, "entry top tmsp.log_server.host tmsp.password help buttons"),
    "tested": (passed_test, "top buttons test bottom keys"),
    "test-failed": (failed_test, "top buttons test bottom"),
    "host-key": (host_key, "box"),
    "switch-off": (switch_off, "top tmsp.enabled box keys"),
    "proxy": (proxy, "entry top page"),
    "queue-limits": (queue_limits, "entry top page bottom"),
    "identity": (identity, "top page"),
    "cases": (cases, "top page keys"),
    "log-queue": (log_queue, "top page panel keys"),
    "activity": (activity, "top page keys"),
    "diagnostics": (diagnostics, "top page"),
    "help": (help_page, "box"),
    "palette": (palette, "box"),
}
"""Each with the parts of the screen that it is about."""
IMAGES = {("status", "80x24"), ("tested", "80x24")}
"""These are of the whole screen."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("story", STORIES)
async def test_screen(story: str, size: str, agent: ScriptedAgent, pictured: Any) -> None:
    """The screen looks as it did when somebody last looked at it."""
    play, parts = STORIES[story]
    await pictured(agent, play, "svg" if (story, size) in IMAGES else parts, size)
