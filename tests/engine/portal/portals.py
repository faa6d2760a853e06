"""A portal as a process of its own, and the clients that tests speak to it with."""

import contextlib
import hashlib
import json
import os
import selectors
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import asyncssh
import httpx
import zstandard

COMMAND = (sys.executable, "-c", "from tm_tui.cli.portal import portal; portal()")
PATIENCE = 30.0
ANY_APPLIANCE = "tm-lab-1"


class RunningPortal:
    """One `tm-tui portal`."""

    def __init__(self, home: Path, *options: str, log: BinaryIO | None = None) -> None:
        self.home = home
        self.log_file = home.with_name(f"{home.name}.log")
        with self.log_file.open("ab") as own_log:
            self.process = subprocess.Popen(
                (*COMMAND, "--home", str(home), *options),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log or own_log,
                start_new_session=True,
            )
        self.ready: dict[str, Any] = json.loads(self._first_line())

    def _first_line(self) -> bytes:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE), "the portal says nothing"
        line = self.process.stdout.readline()
        assert line, self.log_file.read_text()
        return line

    @property
    def password(self) -> str:
        return Path(self.ready["password_file"]).read_text()

    @property
    def credentials(self) -> tuple[str, str]:
        return self.ready["username"], self.password

    @property
    def ports(self) -> tuple[str, ...]:
        """The options that bring it back on the same ports."""
        log_server = self.ready["log_server"]
        return (
            f"--https-port={log_server['https_port']}",
            f"--ssh-port={log_server['ssh_port']}",
            f"--status-port={self.ready['status_server']['port']}",
        )

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `tm-tui portal WORDS --home HOME` beside it."""
        return command(*words, "--home", str(self.home), stdin=stdin)

    def _client(self, port: int, **more: Any) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=self.ready["ca_file"])
        if "auth" not in more:
            more["auth"] = self.credentials
        return httpx.AsyncClient(
            verify=context, base_url=f"https://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE, **more
        )

    def status_server(self, **more: Any) -> httpx.AsyncClient:
        return self._client(self.ready["status_server"]["port"], **more)

    def log_server(self, **more: Any) -> httpx.AsyncClient:
        return self._client(self.ready["log_server"]["https_port"], **more)

    async def register(self, appliance: str = ANY_APPLIANCE, **more: Any) -> httpx.Response:
        async with self.status_server() as client:
            return await client.post("/v1/registration", json=registration(appliance, **more))

    @contextlib.asynccontextmanager
    async def ssh(self, password: str | None = None, **more: Any):
        """A connection that believes exactly the host key of the ready line."""
        port = self.ready["log_server"]["ssh_port"]
        key = await asyncssh.get_server_host_key("127.0.0.1", port, config=None)
        assert key is not None
        assert key.get_fingerprint() == self.ready["ssh_host_key"]
        known = asyncssh.import_known_hosts(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
        async with asyncssh.connect(
            "127.0.0.1",
            port,
            username=self.ready["username"],
            password=self.password if password is None else password,
            known_hosts=known,
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


def command(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `tm-tui portal WORDS`."""
    return subprocess.run(
        (*COMMAND, *words), input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


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
    packed = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(lines(first, count))
    return named(packed, appliance, first), packed
