"""A row that cannot be shown says so on its page, beside those that can."""

from typing import Any

import pytest

from face.conftest import console_of
from face.scripted import NOON, ScriptedAgent
from tm_tui.api.agent import RevisionInfo, TrustDocument
from tm_tui.api.cases import CasesDocument
from tm_tui.api.patterns import DeployerInfo, PatternsDocument
from tm_tui.api.reports import ReportInfo, ReportsDocument, ReportsStatus
from tm_tui.api.shapes import Unreadable

WRONG = (Unreadable(what="Thing 7", cause="made_at: no time"),)
REPORT = ReportInfo(
    number=1, id="a", kind="daily", title="Day one", made_at=NOON, fetched_at=NOON, bytes=1, read=True
)


class Damaged(ScriptedAgent):
    """An agent on whose disk something of each kind is damaged."""

    async def reports(self) -> Any:
        return ReportsDocument(status=ReportsStatus(), reports=(REPORT,), unreadable=WRONG)

    async def cases(self) -> Any:
        return CasesDocument(state="idle", inbox="/x", inbox_files=0, cases=(), unreadable=WRONG)

    async def patterns(self) -> Any:
        deployer = DeployerInfo(ready=True)
        return PatternsDocument(state="current", deploy="manual", deployer=deployer, unreadable=WRONG)

    async def trust(self) -> Any:
        return TrustDocument(ca_file="", authorities=(), host_keys=(), unreadable=WRONG)


@pytest.mark.parametrize("page", ["Reports", "Submit a Case", "Pattern Deploy", "Server Identity"])
async def test_a_row_that_cannot_be_shown_says_so(page: str, agent: ScriptedAgent) -> None:
    """An admin sees that something is missing, and what, instead of a page without it."""
    damaged = Damaged()
    damaged.statuses = agent.statuses
    async with console_of(damaged.connect) as console:
        await console.open(page)
        await console.sees("! Thing 7 cannot be shown: made_at: no time")
        if page == "Reports":
            await console.sees("Day one")
            await console.press("down", "enter")
            assert console.app.crash is None


async def test_a_damaged_revision_is_looked_at_and_not_gone_back_to(agent: ScriptedAgent) -> None:
    """The history goes on below it; nobody is offered settings that nobody can read."""
    agent.saved = (
        RevisionInfo(revision=3, saved_at=None, saved_by="", problem="meta.json is damaged."),
        RevisionInfo(revision=2, saved_at=NOON, saved_by="root", note="second"),
        RevisionInfo(revision=1, saved_at=NOON, saved_by="root", note="first"),
    )
    async with console_of(agent.connect) as console:
        await console.open("Change History")
        await console.sees("3  damaged      cannot be shown: meta.json is damaged.")
        await console.sees("second")
        await console.press("enter")
        dialog = await console.dialog("meta.json is damaged.")
        assert "Go back" not in dialog.words
        await console.press("escape")
        await console.press("down", "enter")
        await console.sees("Changed since revision 1")
