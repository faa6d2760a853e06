"""Each row of the failure table (facts.md, docs/failures.md), provoked for real and run through the probe."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import network
import pytest
import rows_http
import rows_proxy
import rows_ssh
import rows_tls

from screens.desk.causes import field_of
from screens.desk.draft import Draft
from screens.desk.probe_rows import rows_of
from screens.desk.probing import Probing
from servers.bench import Bench, Row
from servers.limits import PATIENT
from servers.probing import APPLIANCE, Outcome, Trial
from tm_tui.api.agent import LastFailure, SettingsDocument, StepEvent
from tm_tui.clock import SystemClock
from tm_tui.delivery.log_server_check import LogServerCheck
from tm_tui.settings.fields import FIELDS
from tm_tui.settings.model import Settings
from tm_tui.status_server.heartbeat import Facts
from tm_tui.status_server.removal import RegistrationRecord
from tm_tui.status_server.service import StatusServerService

ROWS = [*rows_proxy.ROWS, *rows_tls.ROWS, *rows_ssh.ROWS, *rows_http.ROWS]
SENTENCES = re.compile(r"[A-Z0-9\[].*[.)]")


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """The peers, and a stack for what a row opens."""
    async with AsyncExitStack() as stack:
        yield Bench(request, tmp_path, stack)


@pytest.mark.parametrize("fault", ROWS, ids=lambda fault: fault.id)
async def test_each_fault_is_told_with_cause_and_remedy(bench: Bench, fault: Row) -> None:
    """An admin reads where it failed, why and what to do, in sentences that name the machine, in time."""
    outcome = await (await fault.provoke(bench)).run()
    failed = outcome.failure(fault.server)
    assert (failed.step, failed.code) == (f"{fault.server}.{fault.stage}", fault.code), failed.cause
    _check_texts(failed.cause, failed.remedy)
    assert fault.names in failed.cause
    _check_what_follows(outcome, fault)
    _check_pane(outcome.ended(failed.step))


@pytest.mark.parametrize("fault", ROWS, ids=lambda fault: fault.id)
async def test_each_fault_shows_in_the_status(bench: Bench, fault: Row, tmp_path: Path) -> None:
    """What the connection test would say, the status says too when it happens to the agent at work."""
    trial = await fault.provoke(bench)
    if trial.limits is not PATIENT or fault.stage in {"settings", "clock"}:
        return  # only the test's own short limits provoke it in time, or it is no failure of a link
    found = await _status_after(trial, fault.server, tmp_path)
    assert (found.code, found.stage) == (fault.code, fault.stage), found.cause
    _check_texts(found.cause, found.remedy)
    assert fault.names in found.cause
    assert found.count >= 1


async def _status_after(trial: Trial, server: str, folder: Path) -> LastFailure:
    """Let the agent's own service meet the fault."""
    told = asyncio.Event()
    common = {"changed": told.set, "clock": SystemClock()}
    service: LogServerCheck | StatusServerService
    if server == "log_server":
        service = LogServerCheck(APPLIANCE, trial.host_keys, **common)
    else:
        record = RegistrationRecord(folder, APPLIANCE)
        service = StatusServerService(APPLIANCE, trial.host_keys, record, lambda: Facts(1, 1.0), **common)
    revision = trial.revision
    tmsp = {**trial.tmsp, "enabled": True, "heartbeat_seconds": 20}
    settings = Settings.parse({**revision.settings.plain(), "tmsp": tmsp})
    revision = replace(revision, settings=settings)
    service.prepare(revision)
    task = asyncio.create_task(service.run(revision))
    try:
        async with asyncio.timeout(60):
            while (found := service.status().last_failure) is None:
                told.clear()
                await told.wait()
    finally:
        task.cancel()
        await asyncio.wait({task})
    return found


def _check_pane(failed: StepEvent) -> None:
    """The console's pane has the code, the cause and the remedy, none of them cut at 80 columns."""
    draft = Draft(SettingsDocument(revision=0, settings=Settings().plain()))
    probing = Probing(draft.fingerprint(), 0.0, (failed,))
    shown = "".join("".join(row.words for row in rows_of(probing, 80)).split())
    for text in (failed.code, failed.cause, failed.remedy):
        assert text
        assert "".join(text.split()) in shown
    key = field_of(failed.step, failed.code or "", draft)
    assert key in {spec.key for spec in FIELDS} or failed.step.endswith(".clock")


@pytest.mark.parametrize("fault", network.FAULTS, ids=lambda fault: fault.code)
def test_each_fault_of_the_own_network_is_told(tmp_path: Path, fault: network.Fault) -> None:
    """No route, an own firewall and dead name servers are told apart, for server and proxy."""
    failed = fault.provoke(tmp_path)
    assert (failed["step"], failed["code"]) == (f"log_server.{fault.stage}", fault.code), failed["cause"]
    _check_texts(failed["cause"], failed["remedy"])
    assert fault.host in failed["cause"]


def _check_texts(cause: str, remedy: str) -> None:
    for text in (cause, remedy):
        assert SENTENCES.fullmatch(text)
        assert text.isprintable()


def _check_what_follows(outcome: Outcome, fault: Row) -> None:
    ends = [e for e in outcome.events if e.step.startswith(f"{fault.server}.") and e.outcome != "started"]
    after = ends[[e.outcome for e in ends].index("failed") + 1 :]
    assert all(e.outcome == "skipped" for e in after)
    assert all(e.detail == f"because the step {fault.stage} failed" for e in after)
    other = "status_server" if fault.server == "log_server" else "log_server"
    assert outcome.ended(f"{other}.settings").outcome == "passed"


def test_every_row_stands_once() -> None:
    """A fault that is provoked twice in the same way hides one that is not provoked at all."""
    ids = [fault.id for fault in ROWS]
    assert len(ids) == len(set(ids))
