"""Submit a Case in the console: what is typed is handed in, what became of it is seen, nothing by itself."""

from typing import Any

import pytest

from face.conftest import Console, console_of
from face.scripted import NOON, ScriptedAgent, status
from tm_tui.api.agent import AgentStatus, LastFailure, Refusal
from tm_tui.api.cases import CaseInfo, CaseProgress, CasesStatus
from tm_tui.api.failures import ControlRefused


def case(number: int = 1, state: Any = "waiting", **more: Any) -> CaseInfo:
    """A case about pc-17."""
    shape = {
        "number": number,
        "state": state,
        "created_at": NOON,
        "submitted_by": "root",
        "sources": ("/evidence",),
        "form": "tar.zst",
        "endpoint": "pc-17",
        "threat": "Trojan.Generic",
        "description": "Found at night",
        "files": 3,
        "bytes": 1000,
        "packed_bytes": 1000,
        "sha256": "0" * 64,
    }
    return CaseInfo(**{**shape, **more})


RECEIVED = {"case_id": "C-000042", "status": "sample-downloaded", "received_at": NOON, "pattern_id": "7"}
FAILED = LastFailure(
    code="case-too-large", stage="service", cause="It is too large.", remedy="Submit fewer files.", at=NOON
)


def snapshot(changes: int, **cases: Any) -> AgentStatus:
    """A snapshot in which the list of cases looks different."""
    shown = status()
    told = CasesStatus(**{"state": "idle", "changes": changes, **cases})
    return type(shown)(**(shown.fields() | {"cases": told.fields()}))


async def opened(console: Console, agent: ScriptedAgent, *cases: CaseInfo, **told: Any) -> None:
    """The page with these cases."""
    agent.cases_held = list(cases)
    agent.statuses.put_nowait(snapshot(1, **told))
    await console.open("Submit a Case")
    if cases:
        await console.sees(cases[0].endpoint)


async def test_what_is_typed_is_handed_in(agent: ScriptedAgent) -> None:
    """Paths with spaces in quotes, endpoint, threat, description; afterwards the form is empty again."""
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        for key, text in (
            ("paths", '/var/dump "/tmp/my file"'),
            ("endpoint", "pc-17"),
            ("threat", "Trojan"),
            ("description", "at night"),
        ):
            console.field(key).type_in(text)
        console.app.main.set_focus(console.field("description"))
        await console.press("tab", "enter")
        await console.sees("Case 1 is being packed")
        (request,) = [one for one in agent.requests if hasattr(one, "paths")]
        assert request.paths == ("/var/dump", "/tmp/my file")
        assert (request.endpoint, request.threat, request.description) == ("pc-17", "Trojan", "at night")
        assert console.field("paths").value == ""


async def test_a_refusal_leads_to_its_field(agent: ScriptedAgent) -> None:
    """What was typed stays, the cursor goes to the field that is wrong, and the reason is told."""
    problem = {"field": "endpoint", "cause": "It is empty.", "remedy": "Say which computer."}
    refusal = Refusal(code="case-refused", cause="x", remedy="y", problems=(problem,))
    agent.case_refusal = ControlRefused(422, refusal)
    async with console_of(agent.connect) as console:
        await opened(console, agent)
        console.field("paths").type_in("/var/dump")
        console.app.main.set_focus(console.field("description"))
        await console.press("tab", "enter")
        await console.sees("Endpoint: It is empty.")
        await console.until(lambda: console.app.focused is console.field("endpoint"))
        assert console.field("paths").value == "/var/dump"


async def test_the_list_tells_what_became_of_each(agent: ScriptedAgent) -> None:
    """Case ID, status and pattern; a failure with its reason; a bar with the time left."""
    async with console_of(agent.connect) as console:
        waiting = case(3, endpoint="pc-3", last_failure=FAILED, next_try_in_seconds=300.0)
        progress = CaseProgress(number=2, phase="sending", done_bytes=400, bytes=1000, seconds_left=123.0)
        sending = case(2, "sending", endpoint="pc-2")
        await opened(console, agent, waiting, sending, case(1, "submitted", **RECEIVED), progress=progress)
        await console.sees("[####......] 40 % 2 min left")
        shown = console.screen_text()
        assert "C-000042  pc-17        sample downloaded, pattern 7" in shown
        assert "waits for another try" in shown
        assert "case-too-large" in shown


async def test_cancel_is_asked_first(agent: ScriptedAgent) -> None:
    """Delete on a case asks; the safe answer keeps it, the other cancels it; one at the portal stays."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, case(2), case(1, "submitted", **RECEIVED))
        await console.until(lambda: len(console.app.main.query("CaseRow")) == 2)
        first, second = console.app.main.query("CaseRow")
        console.app.main.set_focus(second)
        await console.press("delete")
        console.app.main.set_focus(first)
        await console.press("delete")
        await console.dialog("Cancel this case?")
        await console.press("enter")
        assert ("cancel", 2) not in agent.requests
        await console.press("delete")
        await console.dialog("Cancel this case?")
        await console.press("right", "enter")
        await console.sees("Case 2 is cancelled.")
        assert [one for one in agent.requests if isinstance(one, tuple)] == [("cancel", 2)]


async def test_a_viewer_sees_the_list_only(agent: ScriptedAgent) -> None:
    """Who may only look sees what became of cases, and no way to submit or cancel one."""
    agent.role = "read"
    async with console_of(agent.connect) as console:
        await opened(console, agent, case(2))
        assert "Submit ]" not in console.screen_text()
        assert "Description" not in console.screen_text()
        await console.until(lambda: len(console.app.main.query("CaseRow")) == 1)
        console.app.main.set_focus(console.app.main.query("CaseRow").first())
        await console.press("delete")
        await console.sees("You may only look here.")
        assert agent.requests == []


@pytest.mark.parametrize(("state", "words"), [("disabled", "switched off"), ("paused", "paused")])
async def test_why_nothing_leaves(agent: ScriptedAgent, state: str, words: str) -> None:
    """Switched off or paused, the page says so."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, case(2), state=state)
        await console.sees(words)


async def test_a_growing_bar_costs_one_row(agent: ScriptedAgent) -> None:
    """While a case is uploaded, rows whose words stay the same are not painted again."""
    async with console_of(agent.connect) as console:
        await opened(console, agent, case(2, "sending"), case(1, "submitted", **RECEIVED))
        await console.until(lambda: len(console.app.main.query("CaseRow")) == 2)
        sending, standing = console.app.main.query("CaseRow")
        painted: list[int] = []
        sending.refresh = lambda *_, **__: painted.append(2)  # type: ignore[method-assign]
        standing.refresh = lambda *_, **__: painted.append(1)  # type: ignore[method-assign]
        for done in (100, 101, 102, 200):
            progress = CaseProgress(number=2, phase="sending", done_bytes=done, bytes=1000, seconds_left=61.0)
            agent.statuses.put_nowait(snapshot(1, progress=progress))
            await console.until(lambda wanted=progress: console.app.main.seen.status.cases.progress == wanted)
            await console.pilot.pause()
        assert painted == [2, 2]


async def test_the_list_has_heads_and_uses_the_width(agent: ScriptedAgent) -> None:
    """At 120 columns a usual host name stands whole in its column; at 80 it ends with an ellipsis."""
    name = "laptop-0217.example.com"
    for width, shown in ((120, name), (80, "laptop-0217…")):
        again = ScriptedAgent()
        async with console_of(again.connect, size=(width, 24)) as console:
            again.cases_held = [case(1, endpoint=name)]
            again.statuses.put_nowait(snapshot(1))
            await console.open("Submit a Case")
            await console.sees(shown)
            assert "No. Case ID   Endpoint" in console.screen_text()
