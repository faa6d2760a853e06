"""The probe against the reference portal, by both protocols: nothing of a test stays there."""

import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from servers.probing import Trial, host_keys
from tm_tui.clock import SystemClock
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, Ready, open_portal


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Ready]:
    """A running portal."""
    log = PortalLog(io.StringIO(), SystemClock())
    async with open_portal(PortalOptions(home=tmp_path / "portal"), log) as (ready, _):
        yield ready


def trial(portal: Ready, folder: Path, protocol: str) -> Trial:
    """The form as the portal's operator would tell an admin to fill it in, on-premise."""
    port = portal.log_server.ssh_port if protocol == "ssh" else portal.log_server.https_port
    tmsp = {
        "edition": "on-premise",
        "username": portal.username,
        "log_server": {"host": "127.0.0.1", "protocol": protocol, "port": port},
        "status_server": {"host": "127.0.0.1", "port": portal.status_server.port},
    }
    password = Path(portal.password_file or "").read_text().strip()
    return Trial(tmsp, password, Path(portal.ca_file).read_text(), host_keys(folder))


@pytest.mark.parametrize("protocol", ["ssl", "ssh"])
async def test_a_fresh_appliance_passes_before_it_is_registered(portal, tmp_path, protocol):
    """The first test of all, on an empty portal that does not know the appliance yet, passes."""
    made = trial(portal, tmp_path, protocol)
    if protocol == "ssh":
        await made.approve_host_key()
    outcome = await made.run()
    assert outcome.report.passed, outcome.report.failures
    assert outcome.ended("log_server.clock").outcome == "passed"
    assert outcome.ended("status_server.clock").outcome == "passed"
    assert [path for path in (tmp_path / "portal" / "logs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("protocol", ["ssl", "ssh"])
async def test_a_wrong_password_is_told_by_both_servers(portal, tmp_path, protocol):
    """One wrong password shows at both servers, at the step that is about it."""
    made = trial(portal, tmp_path, protocol)
    if protocol == "ssh":
        await made.approve_host_key()
    made.password = "wrong"
    outcome = await made.run()
    assert outcome.failure("log_server").step == "log_server.authentication"
    assert outcome.failure("status_server").step == "status_server.authentication"


async def test_the_portal_s_key_is_the_one_that_it_prints(portal, tmp_path):
    """The fingerprint on the pane is the one that the operator reads in the portal's first line."""
    async with aclosing(trial(portal, tmp_path, "ssh").start()) as events:
        async for event in events:
            if event.step == "log_server.host_key" and event.outcome == "failed":
                break
    assert event.host_key.fingerprint == portal.ssh_host_key
