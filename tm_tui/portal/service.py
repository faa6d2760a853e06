"""One portal from start to end: its home, its three listeners, its certificate while the years go by."""

import asyncio
import contextlib
import logging
import secrets
import socket
import sqlite3
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh
from cryptography import x509
from pydantic import BaseModel, ConfigDict, SecretStr
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from tm_tui.atomic import Folder
from tm_tui.clock import Clock, SystemClock
from tm_tui.errors import TmError
from tm_tui.portal import accounts, index, pattern_routes, routes
from tm_tui.portal.accounts import Doorkeeper
from tm_tui.portal.answers import EXCEPTION_HANDLERS
from tm_tui.portal.authority import certificate_files, ensure_certificate, names_for
from tm_tui.portal.batches import BatchStore
from tm_tui.portal.callers import ROLES, Role
from tm_tui.portal.case_store import CaseStore
from tm_tui.portal.core import Portal
from tm_tui.portal.database import Database
from tm_tui.portal.endpoint_reader import read_threat_events
from tm_tui.portal.guard import Guard
from tm_tui.portal.home import PortalHome
from tm_tui.portal.log import LibraryMessages, PortalLog
from tm_tui.portal.pages.site import Site
from tm_tui.portal.reports.maker import keep_reports
from tm_tui.portal.ssh import ensure_host_key, ssh_server
from tm_tui.portal.web import https_servers, tls_context
from tm_tui.text import safe_text

__all__ = ["PortalOptions", "Ready", "open_portal", "serve"]

_FIRST: dict[Role, str] = {"appliance": "registering-user", "operator": "operator"}
_LIBRARIES = ("uvicorn", "asyncssh", "asyncio")
_LOOK_AT_CERTIFICATE_SECONDS = 600.0
"""Often: the machine may have slept, or its wall clock may just have been set for the first time."""


@dataclass(frozen=True, slots=True)
class PortalOptions:
    """Where to keep things, where to listen (port 0: any free one), further `names` to certify."""

    home: Path
    host: str = "127.0.0.1"
    https_port: int = 0
    ssh_port: int = 0
    status_port: int = 0
    names: tuple[str, ...] = ()


class LogServerAddress(BaseModel):
    """Where the log server listens."""

    model_config = ConfigDict(frozen=True)
    host: str
    https_port: int
    ssh_port: int


class StatusServerAddress(BaseModel):
    """Where the status server listens."""

    model_config = ConfigDict(frozen=True)
    host: str
    port: int


class Ready(BaseModel):
    """The line that a portal prints when it is ready (design.md, "Commands")."""

    model_config = ConfigDict(frozen=True)
    ready: bool = True
    log_server: LogServerAddress
    status_server: StatusServerAddress
    ca_file: str
    ssh_host_key: str
    username: str
    password_file: str | None
    """None once the operator has set a password of his own: it is written nowhere."""
    operator: str
    operator_password_file: str | None
    """None as for `password_file`."""


def _listener(host: str, port: int) -> socket.socket:
    """Listen, so that callers queue from now on. Raises TmError when the address cannot be had."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, number)
    except OSError as error:
        raise _unusable(host, port, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise _unusable(host, port, error) from None
    listener.setblocking(False)
    return listener


def _unusable(host: str, port: int, error: OSError) -> TmError:
    cause = f"The portal cannot listen on {safe_text(host)} port {port}: {error.strerror or error}."
    return TmError(
        cause, "Choose another port or address, or end the program that has it; 0 takes a free port."
    )


def _first_account(connection: sqlite3.Connection, home: PortalHome, role: Role) -> str:
    """Make the account that a home without one of this role gets, and name the one to show."""
    known = accounts.listed(connection, role)
    if known:
        return known[0].name
    password, name = secrets.token_urlsafe(18), _FIRST[role]
    if accounts.secret_of(connection, name) is not None:  # it is one of the other role
        name = f"{name}-{secrets.token_hex(3)}"
    with Folder.open(home.path) as top:
        top.replace(home.password_file_of(role).name, password.encode())
    accounts.add(connection, name, SecretStr(password), role)
    return name


def _app(portal: Portal, server: str, served: Sequence[Route]) -> ASGIApp:
    return Guard(Starlette(routes=served, exception_handlers=EXCEPTION_HANDLERS), portal, server)


@contextlib.contextmanager
def _listening_to_libraries(log: PortalLog) -> Iterator[None]:
    handler = LibraryMessages(log)
    loggers = [logging.getLogger(name) for name in _LIBRARIES]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)  # asyncssh tells passwords at its most talkative
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


async def _keep_certificate(
    portal: Portal, names: tuple[x509.GeneralName, ...], context: ssl.SSLContext
) -> None:
    home, log, clock, never = portal.home, portal.log, portal.clock, asyncio.Event()
    while True:
        await clock.wait(never, _LOOK_AT_CERTIFICATE_SECONDS)
        try:
            renewed = await asyncio.to_thread(ensure_certificate, home, names, clock.now())
        except TmError as error:
            log.say("certificate-not-renewed", cause=error.cause)
            continue
        if renewed:
            context.load_cert_chain(*certificate_files(home))
            log.say("certificate-renewed")


@contextlib.asynccontextmanager
async def _background(task: asyncio.Task[None]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def open_portal(
    options: PortalOptions, log: PortalLog | None = None, clock: Clock | None = None
) -> AsyncIterator[tuple[Ready, tuple[asyncio.Task[None], ...]]]:
    """A running portal, and the tasks of its servers, which end before the block only if something broke.

    Raises TmError when the home, the ports or the keys cannot be used.
    """
    clock = clock or SystemClock()
    log = log or PortalLog(sys.stderr, clock)
    home = PortalHome(options.home.absolute())
    home.prepare()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(home.claimed())
        stack.enter_context(_listening_to_libraries(log))
        database = Database(home.database)
        stack.callback(database.close)
        home.sweep()
        portal = Portal(
            home, database, Doorkeeper(database), BatchStore(home, database, log, clock), log, clock
        )
        names = [await database.call(_first_account, home, role) for role in ROLES]
        changed = await database.call(index.catch_up, home.logs, log)
        ports = (options.https_port, options.ssh_port, options.status_port)
        listeners = [stack.enter_context(contextlib.closing(_listener(options.host, port))) for port in ports]
        key = ensure_host_key(home)
        tasks = await _start(stack, portal, names_for(options.host, options.names), listeners, key)
        log.say("ready", home=str(home.path), index_entries_changed=changed)
        yield _ready(options.host, listeners, home, key.get_fingerprint(), names), tasks
        log.say("stopping")


async def _start(
    stack: contextlib.AsyncExitStack,
    portal: Portal,
    names: tuple[x509.GeneralName, ...],
    listeners: list[socket.socket],
    key: asyncssh.SSHKey,
) -> tuple[asyncio.Task[None], ...]:
    """Start everything that serves, on the listeners for log (SSL), log (SSH), status."""
    ensure_certificate(portal.home, names, portal.clock.now())
    context = tls_context(*certificate_files(portal.home))
    keeper = asyncio.create_task(_keep_certificate(portal, names, context))
    await stack.enter_async_context(_background(keeper))
    await stack.enter_async_context(_background(asyncio.create_task(read_threat_events(portal))))
    await pattern_routes.prepare_patterns(portal)
    await stack.enter_async_context(_background(asyncio.create_task(pattern_routes.keep_patterns(portal))))
    await stack.enter_async_context(_background(asyncio.create_task(keep_reports(portal))))
    received = CaseStore(portal)
    await received.catch_up()
    log_https, log_ssh, status = listeners
    await stack.enter_async_context(ssh_server(portal, log_ssh, key))
    apps = (
        (_app(portal, "log", routes.log_server(portal)), log_https),
        (Site(portal, _app(portal, "status", routes.status_server(portal, received))), status),
    )
    return await stack.enter_async_context(https_servers(apps, context))


def _ready(
    host: str, listeners: list[socket.socket], home: PortalHome, fingerprint: str, names: list[str]
) -> Ready:
    https_port, ssh_port, status_port = (listener.getsockname()[1] for listener in listeners)
    return Ready(
        log_server=LogServerAddress(host=host, https_port=https_port, ssh_port=ssh_port),
        status_server=StatusServerAddress(host=host, port=status_port),
        ca_file=str(home.ca_file),
        ssh_host_key=fingerprint,
        username=names[0],
        password_file=_told(home.password_file_of("appliance")),
        operator=names[1],
        operator_password_file=_told(home.password_file_of("operator")),
    )


def _told(path: Path) -> str | None:
    return str(path) if path.exists() else None


async def serve(options: PortalOptions, *, ready: Callable[[Ready], None], stop: asyncio.Event) -> None:
    """Run a portal until `stop`. `ready` is called once it listens. Raises TmError, as `open_portal` does."""
    async with open_portal(options) as (line, servers):
        ready(line)
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *servers], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not stop.is_set():
            raise TmError("A server of the portal ended by itself.", "Look into the portal's log.")
