"""The log server's part of the status is what a check found, over SSL and SSH, against stock servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agents import LIMIT, revision_for
from clock import FakeClock
from servers.certificates import Certificates
from servers.openssh import Sshd
from servers.web import PASSWORD, USER, Web
from tm_tui.api.agent import LogServerStatus, ServerState
from tm_tui.delivery.log_server_check import LogServerCheck
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.sftp import fetch_host_key
from tm_tui.link.types import Endpoint, Link
from tm_tui.settings.model import Secrets
from tm_tui.settings.store import Revision

NAME = "tm-0123456789ab"


class Checking:
    """A check at work."""

    def __init__(self, host_keys: HostKeys) -> None:
        self.clock = FakeClock()
        self.changed = asyncio.Event()
        self.check = LogServerCheck(
            NAME, host_keys, changed=self.changed.set, clock=self.clock, chance=lambda: 0.5
        )

    async def until(self, state: ServerState) -> LogServerStatus:
        async with asyncio.timeout(LIMIT):
            while self.check.status().state is not state:
                self.changed.clear()
                await self.changed.wait()
        await self.clock.idle()
        return self.check.status()


@asynccontextmanager
async def checking(host_keys: HostKeys, revision: Revision) -> AsyncIterator[Checking]:
    found = Checking(host_keys)
    found.check.prepare(revision)
    task = asyncio.create_task(found.check.run(revision))
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait({task})


def revision_to(
    protocol: str, port: int, user: str, password: str, ca_pem: str | None = None, **more: Any
) -> Revision:
    log_server = {"host": "127.0.0.1", "protocol": protocol, "port": port}
    tmsp = {"username": user, "log_server": log_server, "status_server": {"host": "127.0.0.1"}, **more}
    made = revision_for({"tmsp": {"enabled": True, **tmsp}}, ca_pem)
    secrets = Secrets(tmsp=SecretStr(password))
    return Revision(made.number, made.settings, secrets, ca_pem, None, "test")


async def test_a_stock_web_server_passes(web: Web, certificates: Certificates, tmp_path: Path) -> None:
    """A plain nginx that takes uploads counts as connected, and is looked at again after the interval."""
    revision = revision_to("ssl", web.port, USER, PASSWORD, certificates.ca_pem)
    async with checking(HostKeys(tmp_path / "k"), revision) as it:
        status = await it.until(ServerState.CONNECTED)
        assert status.next_delivery_in_seconds == 3600
        assert status.last_delivery_at is None
        assert (web.root / "logs" / NAME / "probe").is_file()


async def test_a_wrong_password_is_not_tried_again_and_again(
    web: Web, certificates: Certificates, tmp_path: Path
) -> None:
    """The appliance locks no account by repeating a wrong password; the status says what is wrong."""
    revision = revision_to("ssl", web.port, USER, "wrong", certificates.ca_pem)
    async with checking(HostKeys(tmp_path / "k"), revision) as it:
        status = await it.until(ServerState.FAILING)
        assert status.last_failure
        assert status.last_failure.code == "http-auth-refused"
        assert status.next_delivery_in_seconds == 3600
        assert "user name and password" in it.check.alerts()[0]
        web_hits = it.check.status().last_failure
        it.check.beat_accepted()  # the status server takes the same: that is worth one try
        async with asyncio.timeout(LIMIT):
            while (found := it.check.status().last_failure) is web_hits:
                it.changed.clear()
                await it.changed.wait()
        assert found
        assert found.count == 2


async def test_an_approved_host_key_counts_at_once(openssh: Sshd, tmp_path: Path) -> None:
    """An SSH server whose key nobody approved is no log server; approving the key connects without a wait."""
    keys = HostKeys(tmp_path / "k")
    who = openssh.account
    async with checking(keys, revision_to("ssh", openssh.port, who.name, who.password)) as it:
        status = await it.until(ServerState.FAILING)
        assert status.last_failure
        assert status.last_failure.code == "host-key-unknown"
        assert "Logs are not sent" in it.check.alerts()[0]
        link = Link(Endpoint("127.0.0.1", openssh.port), None, None, Trust(None, keys))
        keys.approve(await fetch_host_key(link))
        it.check.trust_changed()
        await it.until(ServerState.CONNECTED)
        folder = who.home / "logs" / NAME
        assert folder.is_dir()
        assert list(folder.iterdir()) == []


async def test_a_server_that_comes_back_is_found(tmp_path: Path, certificates: Certificates) -> None:
    """An outage is over for the status soon after it is over, not at the next hour."""
    revision = revision_to("ssl", 1, USER, PASSWORD, certificates.ca_pem)
    async with checking(HostKeys(tmp_path / "k"), revision) as it:
        waits = []
        for _ in range(4):
            waits.append((await it.until(ServerState.FAILING)).next_delivery_in_seconds)
            it.clock.suspend(waits[-1] or 0)
        assert waits == [0.5, 1, 2, 4]
        failure = it.check.status().last_failure
        assert failure
        assert failure.code == "tcp-refused"


async def test_disabled_checks_nothing(tmp_path: Path) -> None:
    """Switched off means that nothing is sent, not even a check."""
    revision = revision_to("ssl", 1, USER, PASSWORD, enabled=False)
    check = LogServerCheck(NAME, HostKeys(tmp_path / "k"), changed=lambda: None, clock=FakeClock())
    check.prepare(revision)
    await check.run(revision)
    assert check.status() == LogServerStatus(state=ServerState.DISABLED)
