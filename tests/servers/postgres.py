"""A real PostgreSQL on a socket in a temporary folder: an unprivileged user's, without fsync."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg

from servers.process import PATIENCE, folder, program

_USER = "tmsp"
_OPTIONS = (
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
)


def _tool(name: str) -> str:
    """One of PostgreSQL's programs, which Debian puts beside the usual path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else program(name)


class Postgres:
    """One server, that can be killed and started again."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self._root = os.getuid() == 0
        if self._root:
            owner = pwd.getpwnam("postgres")
            os.chown(base, owner.pw_uid, owner.pw_gid)
        command = [
            _tool("initdb"),
            "-D",
            str(base / "data"),
            "-U",
            _USER,
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run([*self._as_user(), *command], check=True, capture_output=True, cwd="/")
        self.start()

    def _as_user(self) -> list[str]:
        """It refuses to run as root."""
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if self._root else []

    def start(self) -> None:
        """Run it, until it lets us in."""
        options = [
            word for option in (*_OPTIONS, f"unix_socket_directories={self._base}") for word in ("-c", option)
        ]
        command = [_tool("postgres"), "-D", str(self._base / "data"), *options]
        with (self._base / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user(), "setpriv", "--pdeathsig", "INT", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        for _ in range(int(PATIENCE / 0.05)):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self._dsn("postgres")).close()
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.05)
                break
        raise AssertionError((self._base / "log").read_text()[-3000:])

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """End it as a crash does (SIGQUIT: at once, without a farewell to the disk)."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            self._process.wait(timeout=PATIENCE)
            self._process = None

    def freeze(self) -> None:
        """Stop all its processes where they are: sockets stay open, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        first = self._process.pid
        os.kill(first, number)  # it starts no other from now on
        for child in Path(f"/proc/{first}/task/{first}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)

    def _dsn(self, name: str) -> str:
        return f"host={self._base} user={_USER} dbname={name}"

    def url(self, name: str) -> str:
        """As a portal is told it."""
        return f"postgresql+psycopg://{_USER}@/{name}?host={self._base}"

    def database(self, template: str = "template1") -> str:
        """A new database's URL; a copy of another one, where that is named."""
        name = f"tmsp{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def run(self, statement: str) -> None:
        """Outside any database of a test."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server that is gone when the block ends."""
    with folder("postgres") as base:
        running = Postgres(base)
        try:
            yield running
        finally:
            running.stop()
            shutil.rmtree(base / "data", ignore_errors=True)
