"""The table's ground: rows that each provoke one fault, and a bench with the peers to do it on."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from servers import misbehaving as bad
from servers.account import Account
from servers.certificates import Certificates
from servers.limits import PATIENT
from servers.openssh import Sshd
from servers.probing import Trial, beats, host_keys, server_context
from servers.process import reserved_port
from servers.proxies import Dante, Squid
from servers.web import PASSWORD, USER, Web

__all__ = ["HOST", "Bench", "Row", "proxy", "row"]

HOST = "127.0.0.1"


@dataclass
class Bench:
    """The peers, started when a row asks for them, and what a row opened, closed at its end."""

    request: pytest.FixtureRequest
    folder: Path
    stack: AsyncExitStack
    status_port: int = 0

    @property
    def certificates(self) -> Certificates:
        """The test authority."""
        return self.request.getfixturevalue("certificates")

    @property
    def account(self) -> Account:
        """A user of this machine."""
        return self.request.getfixturevalue("local_account")

    @property
    def web(self) -> Web:
        """Nginx as a log server."""
        return self.request.getfixturevalue("web")

    @property
    def openssh(self) -> Sshd:
        """OpenSSH's sshd as a log server."""
        return self.request.getfixturevalue("openssh")

    @property
    def squid(self) -> Squid:
        """Squid in all its moods."""
        return self.request.getfixturevalue("squid_proxy")

    def tinyproxy(self, *, strict: bool = False) -> int:
        """Tinyproxy's port; `strict` wants credentials and passes port 443 only."""
        return self.request.getfixturevalue("tiny_proxy_with_password" if strict else "tiny_proxy")

    def dante(self, *, strict: bool = False) -> Dante:
        """Dante; `strict` wants the account's credentials."""
        return self.request.getfixturevalue("dante_with_password" if strict else "dante_for_all")

    async def status_server(self) -> int:
        """The port of a status server that is well."""
        if not self.status_port:
            self.status_port = (await self.stack.enter_async_context(beats(self.certificates))).port
        return self.status_port

    async def misbehaving(self, behave: bad.Behaviour, *, tls: bool = False) -> bad.Told:
        """A server with a fault of its own."""
        context = server_context(self.certificates) if tls else None
        return await self.stack.enter_async_context(bad.server(behave, context))

    def closed_port(self) -> int:
        """A port on which nobody listens."""
        return self.stack.enter_context(reserved_port())

    def black_hole(self) -> int:
        """A port that drops whoever calls: its queue of callers is full."""
        listener, *callers = (self.stack.enter_context(socket.socket()) for _ in range(3))
        listener.bind((HOST, 0))
        listener.listen(0)
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        return listener.getsockname()[1]

    async def ssl(self, port: int, *, host: str = HOST, **more: Any) -> Trial:
        """A log server over SSL, asked as nginx's user."""
        return await self._trial(USER, PASSWORD, {"host": host, "protocol": "ssl", "port": port}, more)

    async def ssh(self, port: int, *, who: Account | None = None, host: str = HOST, **more: Any) -> Trial:
        """A log server over SSH, asked as a user of this machine. No host key is approved yet."""
        name, password = (who.name, who.password) if who else ("nobody-in-particular", "password")
        return await self._trial(name, password, {"host": host, "protocol": "ssh", "port": port}, more)

    async def _trial(self, name: str, password: str, log: dict[str, Any], more: dict[str, Any]) -> Trial:
        status = {"host": HOST, "port": more.pop("status_port", 0) or await self.status_server()}
        tmsp = {"username": name, "log_server": log, "status_server": status}
        more = {"password": password, "limits": PATIENT, **more}
        return Trial(tmsp, ca_pem=self.certificates.ca_pem, host_keys=host_keys(self.folder), **more)


Provoke = Callable[[Bench], Awaitable[Trial]]


@dataclass(frozen=True)
class Row:
    """One row of the failure table: where it shows, as what, whom its cause names, and how to provoke it."""

    stage: str
    code: str
    provoke: Provoke
    server: str
    names: str

    @property
    def id(self) -> str:
        """How pytest calls it."""
        return f"{self.code}-{self.provoke.__name__}"


def row(rows: list[Row], stage: str, code: str, *, server: str = "log_server", names: str = HOST) -> Any:
    """Add a function that sets the fault up as one row."""

    def add(provoke: Provoke) -> Provoke:
        rows.append(Row(stage, code, provoke, server, names))
        return provoke

    return add


def proxy(kind: str, port: int, username: str = "") -> dict[str, Any]:
    """A proxy on this machine, as settings.toml has it."""
    return {"type": kind, "host": HOST, "port": port, "username": username}
