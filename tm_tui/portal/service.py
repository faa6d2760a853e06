"""One portal from start to end: its home, its three listeners, its certificate while the years go by."""

import asyncio
import contextlib
import dataclasses
import logging
import secrets
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import asyncssh
from pydantic import SecretStr
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from tm_tui.atomic import Folder
from tm_tui.clock import Clock, SystemClock
from tm_tui.errors import TmError
from tm_tui.portal import accounts, index, jobs, pattern_routes, routes
from tm_tui.portal.accounts import NameTaken
from tm_tui.portal.alerts.watch import keep_alerts
from tm_tui.portal.answers import EXCEPTION_HANDLERS
from tm_tui.portal.batches import BatchStore
from tm_tui.portal.blobs.address import blobs_at
from tm_tui.portal.blobs.store import BlobsFailed
from tm_tui.portal.callers import ROLES, Role
from tm_tui.portal.case_store import CaseStore
from tm_tui.portal.certificate import Certificate, keep
from tm_tui.portal.core import Portal
from tm_tui.portal.database import Database
from tm_tui.portal.doorkeeper import Doorkeeper
from tm_tui.portal.guard import Guard
from tm_tui.portal.home import PortalHome
from tm_tui.portal.kept import Kept
from tm_tui.portal.listeners import listener
from tm_tui.portal.log import LibraryMessages, PortalLog
from tm_tui.portal.metrics import Metrics
from tm_tui.portal.pages.site import Site
from tm_tui.portal.proxies import Proxies
from tm_tui.portal.ready import LogServerAddress, Ready, StatusServerAddress, password_files
from tm_tui.portal.rooms import ssh_shares, web_shares
from tm_tui.portal.settings import PortalSettings, database_at
from tm_tui.portal.settings_file import read_settings
from tm_tui.portal.ssh import SshServing, host_key, ssh_server
from tm_tui.portal.web import Served, WebLimits, https_servers
from tm_tui.portal.worker import keep_jobs

__all__ = ["PortalOptions", "Ready", "open_portal", "serve"]

_FIRST: dict[Role, str] = {"appliance": "registering-user", "operator": "operator"}
Listeners = dict[str, socket.socket]
"""By what listens there: `https`, `ssh`, `status`."""
_LOOK_SECONDS = 10.0
_LIBRARIES = ("uvicorn", "asyncssh", "asyncio")


@dataclass(frozen=True, slots=True)
class PortalOptions:
    """Where to keep things, and what the command line says: None where it leaves that to portal.toml."""

    home: Path
    host: str | None = None
    https_port: int | None = None
    ssh_port: int | None = None
    status_port: int | None = None
    names: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None

    def settings(self) -> PortalSettings:
        """These above what HOME/portal.toml says. Raises TmError."""
        given = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name != "home"}
        return read_settings(self.home, given)


def first_account(connection: Connection, home: PortalHome, role: Role) -> str:
    """Make the account that a home without one of this role gets, and name the one to show.

    Of processes that start at once one makes it; the file has the password of that one.
    """
    known = accounts.listed(connection, role, 1)
    if known:
        return known[0].name
    password, name = secrets.token_urlsafe(18), _FIRST[role]
    taken = accounts.one(connection, name)
    if taken is not None and taken.role != role:
        name = f"{name}-{secrets.token_hex(3)}"
    secret = accounts.secret_for(name, SecretStr(password), role)
    try:
        accounts.add(connection, name, secret, "admin" if role == "operator" else None)
    except NameTaken:  # by another process that starts: what stands in the file is its password
        return name
    with Folder.open(home.path) as top:
        top.replace(home.password_file_of(role).name, password.encode())
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

    Raises TmError when the settings, the home, the ports or the keys cannot be used.
    """
    clock = clock or SystemClock()
    log = log or PortalLog(sys.stderr, clock)
    home, settings = PortalHome(options.home.absolute()), options.settings()
    home.prepare()
    async with contextlib.AsyncExitStack() as stack:
        shared = not settings.database.startswith("sqlite:")
        stack.enter_context(home.claimed(shared=shared))
        stack.enter_context(_listening_to_libraries(log))
        database = Database(database_at(settings.database, home.path))
        stack.callback(database.close)
        home.sweep(shared=shared)
        blobs = blobs_at(settings.blobs, home.path, settings.blobs_credentials)
        batches = BatchStore(home, database, blobs, log, clock)
        doorkeeper, kept = Doorkeeper(database, clock), Kept(clock)
        portal = Portal(home, database, doorkeeper, batches, blobs, log, clock, kept, settings.retention)
        names = [await database.call(first_account, home, role) for role in ROLES]
        changed = await _caught_up(portal) if "worker" in settings.roles else 0
        listeners = _listening(stack, settings)
        key = host_key(home, settings.ssh_host_key)
        tasks = await _start(stack, portal, settings, listeners, key)
        log.say("ready", home=str(home.path), index_entries_changed=changed)
        yield _ready(settings, listeners, home, key.get_fingerprint(), names), tasks
        log.say("stopping")


async def _caught_up(portal: Portal) -> int:
    """Enter what lies in the store and is not known; later, while that is away. How many entries changed."""
    try:
        return await portal.database.call(index.catch_up, portal.blobs, portal.log)
    except BlobsFailed as error:
        portal.log.say("not-caught-up", cause=error.why)
        now = portal.clock.now().timestamp()
        await portal.database.call(jobs.ask, "catch-up", "catch-up", now)
        return 0


def _listening(stack: contextlib.AsyncExitStack, settings: PortalSettings) -> Listeners:
    """Those of this process's roles. Raises TmError."""
    ports = {"https": settings.https_port, "ssh": settings.ssh_port, "status": settings.status_port}
    return {
        name: stack.enter_context(contextlib.closing(listener(settings.host, port)))
        for name, port in ports.items()
        if ("ssh" if name == "ssh" else "web") in settings.roles
    }


async def _start(
    stack: contextlib.AsyncExitStack,
    portal: Portal,
    settings: PortalSettings,
    listeners: Listeners,
    key: asyncssh.SSHKey,
) -> tuple[asyncio.Task[None], ...]:
    """Start all that this process's roles are; the tasks of its servers."""
    await pattern_routes.prepare_patterns(portal)
    if "worker" in settings.roles:
        alerts = _in_one_process(portal, "alerts", partial(keep_alerts, portal, settings))
        for work in (pattern_routes.keep_patterns(portal), keep_jobs(portal), alerts):
            await stack.enter_async_context(_background(asyncio.create_task(work)))
    received = CaseStore(portal)
    if "web" in settings.roles:
        await received.catch_up()
    if "ssh" in listeners:
        ssh = SshServing(key, ssh_shares(settings.limits), _proxies(settings, "ssh"))
        await stack.enter_async_context(ssh_server(portal, listeners["ssh"], ssh))
    if "status" not in listeners:
        return ()
    log_app = _app(portal, "log", routes.log_server(portal))
    status_app = Metrics(portal, Site(portal, _app(portal, "status", routes.status_server(portal, received))))
    served = (
        Served(log_app, listeners["https"], _proxies(settings, "https")),
        Served(status_app, listeners["status"], _proxies(settings, "status")),
    )
    context, limits = await _context(stack, portal, settings), WebLimits(web_shares(settings.limits))
    return await stack.enter_async_context(https_servers(served, context, limits))


async def _in_one_process(portal: Portal, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do `work` in one of the processes that share the home; where that ends, another one takes over."""
    never = asyncio.Event()
    while True:
        with portal.home.only_one(name) as mine:
            if mine:
                await work()
        await portal.clock.wait(never, _LOOK_SECONDS)


def _proxies(settings: PortalSettings, listening: Literal["https", "ssh", "status"]) -> Proxies:
    header, only = listening in settings.proxy_protocol, settings.tls.at_proxy and listening != "ssh"
    return Proxies.of(settings.trusted_proxies, header=header, only=only)


async def _context(
    stack: contextlib.AsyncExitStack, portal: Portal, settings: PortalSettings
) -> ssl.SSLContext | None:
    """TLS with a certificate that is kept in date; None where a proxy ends it."""
    if settings.tls.at_proxy:
        return None
    shown = Certificate(portal.home, settings)
    context = shown.context(portal.clock.now())
    await stack.enter_async_context(_background(asyncio.create_task(keep(shown, portal, context))))
    return context


def _ready(
    settings: PortalSettings,
    listeners: Listeners,
    home: PortalHome,
    fingerprint: str,
    names: list[str],
) -> Ready:
    ports = {name: one.getsockname()[1] for name, one in listeners.items()}
    password_file, operator_password_file = password_files(home)
    return Ready(
        log_server=LogServerAddress(
            host=settings.host, https_port=ports.get("https"), ssh_port=ports.get("ssh")
        ),
        status_server=StatusServerAddress(host=settings.host, port=ports.get("status")),
        ca_file=None if settings.tls.certificate or settings.tls.at_proxy else str(home.ca_file),
        ssh_host_key=fingerprint,
        username=names[0],
        password_file=password_file,
        operator=names[1],
        operator_password_file=operator_password_file,
    )


async def serve(options: PortalOptions, *, ready: Callable[[Ready], None], stop: asyncio.Event) -> None:
    """Run a portal until `stop`. `ready` is called once it listens. Raises TmError, as `open_portal` does."""
    async with open_portal(options) as (line, servers):
        ready(line)
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *servers], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not stop.is_set():
            raise TmError("A server of the portal ended by itself.", "Look into the portal's log.")
