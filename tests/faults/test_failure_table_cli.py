"""The failure table once more through an agent process, its control socket and `tm-tui test --json`."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import rows_http
import rows_proxy
import rows_ssh
import rows_tls

import forked
from agents import AgentChild
from forked import COMMAND
from servers.bench import Bench, Row
from servers.probing import Trial
from servers.process import folder
from tm_tui.paths import Home
from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore

CHOSEN = {
    "squid_wants_other_credentials",
    "squid_as_installed_forbids_ssh",
    "dante_refuses_the_password",
    "a_captive_portal",
    "nothing_listens",
    "plain_http_there",
    "the_status_server_s_certificate_has_expired",
    "nobody_approved_the_key",
    "another_server_in_its_place",
    "the_ssh_password_is_wrong",
    "nginx_refuses_the_password",
    "no_status_server_at_all",
}
ROWS = [
    fault
    for fault in (*rows_proxy.ROWS, *rows_tls.ROWS, *rows_ssh.ROWS, *rows_http.ROWS)
    if fault.provoke.__name__ in CHOSEN
]


@pytest.fixture
def home() -> Iterator[Path]:
    """An appliance's home, with a path short enough for a socket."""
    with folder("home") as path:
        yield path


@pytest.fixture
async def bench(request: pytest.FixtureRequest, home: Path) -> AsyncIterator[Bench]:
    """The peers; host keys are approved in the home's own file."""
    async with AsyncExitStack() as stack:
        yield Bench(request, home, stack)


def save(trial: Trial, home: Path, ca_file: Path) -> None:
    """Keep the values, switched off, so that nothing but the test connects."""
    revision = trial.revision
    settings = Settings.parse({**revision.settings.plain(), "trust": {"ca_file": str(ca_file)}})
    secrets = {"tmsp": revision.secrets.tmsp, "proxy": revision.secrets.proxy}
    SettingsStore(Home.under(home).config).save(settings, secrets, expected=0, saved_by="test")


async def tm_tui_test(home: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run the command beside an agent of its own; return its exit code and its lines."""
    environ = {**os.environ, "TM_TUI_HOME": str(home)}
    async with AgentChild(home / "agent.log", environ):
        done = await asyncio.to_thread(forked.run, (COMMAND, "test", "--json"), env=environ, timeout=60)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("fault", ROWS, ids=lambda fault: fault.id)
async def test_each_fault_is_told_by_the_command(bench: Bench, home: Path, fault: Row) -> None:
    """Scripts read the same code, cause and remedy as the console, and an exit code of 1."""
    trial = await fault.provoke(bench)
    save(trial, home, bench.certificates.ca_file)
    code, lines = await tm_tui_test(home)
    assert code == 1
    report = lines[-1]["report"]
    assert not report["passed"]
    failed = next(one for one in report["failures"] if one["step"].startswith(fault.server))
    assert (failed["step"], failed["code"]) == (f"{fault.server}.{fault.stage}", fault.code), failed["cause"]
    assert fault.names in failed["cause"]
    told = next(line for line in lines[:-1] if line["step"] == failed["step"] and line["outcome"] == "failed")
    assert {key: told[key] for key in failed} == failed
    assert trial.password not in json.dumps(lines, ensure_ascii=False)


async def test_a_test_that_passes_exits_with_0(bench: Bench, home: Path) -> None:
    """`tm-tui test` in a script says by its exit code that both servers are well."""
    trial = await bench.ssl(bench.web.port)
    save(trial, home, bench.certificates.ca_file)
    code, lines = await tm_tui_test(home)
    assert code == 0, lines[-1]
    assert lines[-1]["report"]["passed"]
    assert {line["outcome"] for line in lines[:-1]} == {"started", "passed", "skipped"}


def test_every_chosen_row_exists() -> None:
    """A row that was renamed would be left out without a word."""
    assert {fault.provoke.__name__ for fault in ROWS} == CHOSEN
