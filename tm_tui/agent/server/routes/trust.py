"""/v1/trust: authorities and host keys. A key is approved by its fingerprint; the agent fetches it itself."""

import asyncio
import hmac
import logging
import re
from dataclasses import replace

from pydantic import SecretStr
from starlette.requests import Request

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.agent.server.documents import trust_of
from tm_tui.agent.server.http import uid_of
from tm_tui.agent.server.routes.settings import candidate_of
from tm_tui.api import calls, orders
from tm_tui.api.agent import TrustDocument
from tm_tui.api.requests import ApproveRequest
from tm_tui.errors import PasswordAgain, Problem
from tm_tui.link.build import build_links
from tm_tui.link.types import Endpoint
from tm_tui.serving.refusals import Refused
from tm_tui.settings.store import Revision
from tm_tui.tasks import threaded
from tm_tui.text import safe_text

__all__ = ["trust_routes"]

_log = logging.getLogger(__name__)

_ENDPOINT = re.compile(r"\[([^\[\]\s]{1,253})\]:([1-9][0-9]{0,4})")


def trust_routes(core: Core) -> list[Bound]:
    """Make the routes."""

    async def shown(_request: Request | None = None) -> TrustDocument:
        return await asyncio.to_thread(trust_of, core.revision, core.host_keys)

    async def approve(request: Request, wanted: ApproveRequest) -> TrustDocument:
        endpoint = _endpoint(wanted.endpoint)
        revision = await candidate_of(core, uid_of(request), wanted.settings, wanted.secrets)
        typed = wanted.secrets.tmsp is not None or "tmsp" in wanted.secrets.kept
        password = revision.secrets.tmsp if typed else None
        await _approve(core, revision, endpoint, wanted.fingerprint, password)
        who: str = request.state.session.user
        _log.info("%s approved the host key %s of %s.", who, wanted.fingerprint, endpoint.bracketed)
        core.trust_changed()
        return await shown()

    async def forget(request: Request) -> TrustDocument:
        endpoint = _endpoint(request.query_params.get("endpoint", ""))
        if not await threaded(core.host_keys.forget, endpoint.bracketed):
            cause = f"No host key of {safe_text(endpoint.bracketed)} is filed."
            raise Refused(404, "not-found", cause, "`tm-tui trust show` lists those that are.")
        who: str = request.state.session.user
        _log.warning("%s had the host keys of %s forgotten.", who, endpoint.bracketed)
        core.trust_changed()
        return await shown()

    return [
        bind(calls.TRUST, shown),
        bind_order(orders.APPROVE, approve),
        bind(calls.FORGET, forget),
    ]


async def _approve(
    core: Core, revision: Revision, endpoint: Endpoint, fingerprint: str, password: SecretStr | None
) -> None:
    from tm_tui.link.sftp import fetch_host_key

    link = build_links(revision, core.host_keys).log_server
    key = await fetch_host_key(replace(link, endpoint=endpoint, credentials=None))
    if not hmac.compare_digest(key.fingerprint.encode(), fingerprint.encode("utf-8", "replace")):
        cause = f"{endpoint.bracketed} now shows another host key: {key.algorithm} {key.fingerprint}."
        remedy = "Nothing was approved. Ask the server's operator which fingerprint is right."
        raise Refused(409, "host-key-differs", safe_text(cause), remedy)
    if await asyncio.to_thread(core.host_keys.is_another, key):
        _check_password(core.revision, endpoint, password)
    await threaded(core.host_keys.approve, key)


def _check_password(revision: Revision, endpoint: Endpoint, typed: SecretStr | None) -> None:
    """A server with another host key is another one: the saved password, which it would get, is typed again.

    Raises PasswordAgain.
    """
    logs, saved = revision.settings.tmsp.log_server, revision.secrets.tmsp
    if saved is None or logs.protocol != "ssh" or Endpoint(logs.host, logs.port) != endpoint:
        return
    if typed is None:
        cause, remedy = "It was typed for a server with another host key.", "Type the password again."
    elif not hmac.compare_digest(*(each.get_secret_value().encode() for each in (typed, saved))):
        cause = "This is not the saved password, which the server with this host key would get."
        remedy = "Save the new password first, then test and approve the key."
    else:
        return
    raise PasswordAgain((Problem("tmsp.password", cause, remedy),))


def _endpoint(text: str) -> Endpoint:
    match = _ENDPOINT.fullmatch(text)
    if not match or int(match[2]) > 65535:
        cause = "The server is not named as [host]:port."
        raise Refused(400, "bad-request", cause, "Write it like [logs.example.com]:22.")
    return Endpoint(match[1], int(match[2]))
