"""Each row of the failure table (facts.md, docs/failures.md), provoked for real and run through the probe."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import network
import pytest
import rows_http
import rows_proxy
import rows_ssh
import rows_tls

from servers.bench import Bench, Row
from servers.probing import Outcome

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
