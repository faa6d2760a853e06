"""A portal, as a process or in the test's own, and the clients that tests speak to it with."""

import contextlib
import functools
import hashlib
import json
import os
import selectors
import signal
import ssl
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import asyncssh
import httpx
import zstandard
from click.testing import CliRunner

import forked
from forked import Forked
from tm_tui.cli.portal import portal as portal_command
from tm_tui.clock import SystemClock
from tm_tui.portal import accounts
from tm_tui.portal.blobs.address import blobs_at
from tm_tui.portal.blobs.store import Blobs
from tm_tui.portal.database import opened
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, open_portal
from tm_tui.portal.settings import database_at
from tm_tui.portal.settings_file import read_settings

_START = (
    "from tm_tui.cli.portal import portal; from tm_tui.portal import accounts; accounts._COST = {}; portal()"
)
PATIENCE = 60.0
ANY_APPLIANCE = "tm-lab-1"


class OpenPortal:
    """A portal that is ready: its files, and clients for it."""

    def __init__(self, home: Path, ready: dict[str, Any]) -> None:
        self.home = home
        self.log_file = log_file(home)
        self.ready = ready
        self._known: asyncssh.SSHKnownHosts | None = None

    @property
    def password(self) -> str:
        return Path(self.ready["password_file"]).read_text()

    @property
    def credentials(self) -> tuple[str, str]:
        return self.ready["username"], self.password

    @property
    def operator(self) -> tuple[str, str]:
        """An operator's name and password, as the first start made them."""
        return self.ready["operator"], Path(self.ready["operator_password_file"]).read_text()

    @property
    def blobs(self) -> Blobs:
        """Where its batches and cases lie, as its settings say."""
        settings = read_settings(self.home, {})
        return blobs_at(settings.blobs, self.home, settings.blobs_credentials)

    def batches_of(self, appliance: str) -> dict[str, bytes]:
        """Names and bytes of the batches that are kept of an appliance, wherever that is."""
        found = {}
        for blob in self.blobs.list(f"logs/{appliance}/"):
            with self.blobs.open(blob.name) as file:
                found[blob.name.rpartition("/")[2]] = file.read()
        return found

    def lay(self, name: str, content: bytes) -> None:
        """Have these bytes lie under the name of a blob, whatever was there."""
        source = self.home / "incoming" / "lay"
        source.write_bytes(content)
        self.blobs.delete(name)
        self.blobs.put(name, source)
        source.unlink(missing_ok=True)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `tm-tui portal WORDS --home HOME` beside it."""
        return told(*words, "--home", str(self.home), stdin=stdin)

    def _client(self, port: int, source: str = "", **more: Any) -> httpx.AsyncClient:
        """`source`: the address of 127.0.0.0/8 from which it comes."""
        context = ssl.create_default_context(cafile=self.ready["ca_file"])
        if "auth" not in more:
            more["auth"] = self.credentials
        if source:
            more["transport"] = httpx.AsyncHTTPTransport(verify=context, local_address=source)
        return httpx.AsyncClient(
            verify=context, base_url=f"https://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE, **more
        )

    def status_server(self, **more: Any) -> httpx.AsyncClient:
        return self._client(self.ready["status_server"]["port"], **more)

    def operators(self, **more: Any) -> httpx.AsyncClient:
        """The status server, for an operator's scripts."""
        return self.status_server(auth=self.operator, **more)

    def log_server(self, **more: Any) -> httpx.AsyncClient:
        return self._client(self.ready["log_server"]["https_port"], **more)

    async def register(self, appliance: str = ANY_APPLIANCE, **more: Any) -> httpx.Response:
        async with self.status_server() as client:
            return await client.post("/v1/registration", json=registration(appliance, **more))

    @contextlib.asynccontextmanager
    async def ssh(self, password: str | None = None, name: str | None = None, **more: Any):
        """A connection that believes exactly the host key of the ready line."""
        port = self.ready["log_server"]["ssh_port"]
        if self._known is None:
            key = await asyncssh.get_server_host_key("127.0.0.1", port, config=None)
            assert key is not None
            assert key.get_fingerprint() == self.ready["ssh_host_key"]
            line = f"[127.0.0.1]:{port} {key.export_public_key().decode()}"
            self._known = asyncssh.import_known_hosts(line)
        async with asyncssh.connect(
            "127.0.0.1",
            port,
            username=name or self.ready["username"],
            password=self.password if password is None else password,
            known_hosts=self._known,
            config=None,
            client_keys=None,
            agent_path=None,
            **more,
        ) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def sftp(self):
        async with self.ssh() as connection, connection.start_sftp_client() as client:
            yield client


class RunningPortal(OpenPortal):
    """One `tm-tui portal`, a process of its own."""

    def __init__(self, home: Path, *options: str, log: BinaryIO | None = None) -> None:
        super().__init__(home, {})
        with self.log_file.open("ab") as own_log:
            self.process = Forked(
                (*_program(), "--home", str(home), *options),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log or own_log,
                start_new_session=True,
            )
        self.ready = json.loads(self._first_line())

    def _first_line(self) -> bytes:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE), "the portal says nothing"
        line = self.process.stdout.readline()
        assert line, self.log_file.read_text()
        return line

    @property
    def ports(self) -> tuple[str, ...]:
        """The options that bring it back on the same ports."""
        log_server = self.ready["log_server"]
        return (
            f"--https-port={log_server['https_port']}",
            f"--ssh-port={log_server['ssh_port']}",
            f"--status-port={self.ready['status_server']['port']}",
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def _program() -> tuple[str, ...]:
    """`tm-tui portal`; a hash of a password costs what it costs in this process."""
    return sys.executable, "-c", _START.format(accounts._COST)


def with_settings(home: Path, text: str) -> Path:
    """A home with this portal.toml; where it keeps things stays, unless that is said anew."""
    home.mkdir(mode=0o700, exist_ok=True)
    file = home / "portal.toml"
    before = tomllib.loads(file.read_text()) if file.exists() else {}
    stores = [key for key in ("database", "blobs") if key in before and key not in tomllib.loads(text)]
    file.write_text("".join(f'{key} = "{before[key]}"\n' for key in stores) + text)
    file.chmod(0o600)
    return home


def kept_in(home: Path) -> Path | str:
    """Where the portal of this home has its database: a file, or an URL."""
    return database_at(read_settings(home, {}).database, home)


def log_file(home: Path) -> Path:
    return home.with_name(f"{home.name}.log")


def told(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `tm-tui portal WORDS` in this process: all of the command but the start of an interpreter."""
    mask = os.umask(0o077)
    try:
        done = CliRunner(catch_exceptions=False).invoke(portal_command, words, input=stdin)
    finally:
        os.umask(mask)
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


def command(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `tm-tui portal WORDS` as a process."""
    return forked.run((*_program(), *words), stdin=stdin, text=True, timeout=PATIENCE)


@contextlib.contextmanager
def running(home: Path, *options: str, log: BinaryIO | None = None) -> Iterator[RunningPortal]:
    """A portal that is gone when the block ends, whatever happens in it."""
    portal = RunningPortal(home, *options, log=log)
    try:
        yield portal
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(portal.process.pid, signal.SIGKILL)
        portal.stop(signal.SIGKILL)


def _lay_database(home: Path) -> None:
    """Have a home that is not there yet begin with an empty database."""
    if not home.exists():
        home.mkdir(mode=0o700)
        (home / "portal.sqlite3").touch(mode=0o600)
        (home / "portal.sqlite3").write_bytes(_empty_database())


@functools.cache
def _empty_database() -> bytes:
    """SQLite's file as a portal makes it; to make its tables anew was a third of a start's work."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portal.sqlite3"
        with opened(path):
            pass
        return path.read_bytes()


@contextlib.asynccontextmanager
async def opened_portal(
    home: Path, host: str = "127.0.0.1", names: Sequence[str] = ()
) -> AsyncIterator[OpenPortal]:
    """A portal in this process, with its real listeners and files."""
    _lay_database(home)
    with log_file(home).open("a") as stream:
        options = PortalOptions(home, host, names=tuple(names))
        async with open_portal(options, PortalLog(stream, SystemClock())) as (ready, _):
            yield OpenPortal(home, ready.model_dump())


def registration(appliance: str = ANY_APPLIANCE, **more: Any) -> dict[str, Any]:
    return {
        "appliance": appliance,
        "version": "1.0",
        "edition": "on-premise",
        "email": "admin@example.com",
        "heartbeat_seconds": 5,
        **more,
    }


def beat(appliance: str = ANY_APPLIANCE, **more: Any) -> dict[str, Any]:
    return {
        "appliance": appliance,
        "version": "1.0",
        "sent_at": datetime.now(UTC).isoformat(),
        "heartbeat_seconds": 5,
        "revision": 1,
        "uptime_seconds": 1.5,
        **more,
    }


def lines(first: int = 1, count: int = 3, kind: str = "threat-event") -> bytes:
    return b"".join(
        json.dumps({"seq": seq, "kind": kind, "id": f"e{seq}"}).encode() + b"\n"
        for seq in range(first, first + count)
    )


def named(packed: bytes, appliance: str = ANY_APPLIANCE, sequence: int = 1) -> str:
    return f"{appliance}-{sequence:012d}-{hashlib.sha256(packed).hexdigest()[:16]}.ndjson.zst"


def batch(appliance: str = ANY_APPLIANCE, first: int = 1, count: int = 3) -> tuple[str, bytes]:
    """A good batch: its name and its bytes."""
    return sealed(lines(first, count), appliance, first)


def sealed(plain: bytes, appliance: str = ANY_APPLIANCE, first: int = 1) -> tuple[str, bytes]:
    """A batch of these lines: its name and its bytes."""
    packed = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(plain)
    return named(packed, appliance, first), packed


def threat_event(seq: int, hostname: str = "pc-1", status: str = "cleaned", **more: Any) -> dict[str, Any]:
    """One line of a threat event log; `ip` and `mac` are the endpoint's."""
    addresses = {name: more.pop(name) for name in ("ip", "mac") if name in more}
    return {
        "seq": seq,
        "kind": "threat-event",
        "id": f"e{seq}",
        "time": "2026-01-01T00:00:00Z",
        "endpoint": {"hostname": hostname, **addresses},
        "event_type": "on-demand-scan-by-user",
        "source": "on-demand-scan",
        "status": status,
        "threat": {"name": "Trojan.Generic", "severity": "high"},
        **more,
    }


def ndjson(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)
