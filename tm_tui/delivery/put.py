"""One PUT into an appliance's folder, as every web server with DAV takes it, which may lack the folder."""

import json
from collections.abc import Collection, Mapping

from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.http_status import for_status
from tm_tui.link.https import Content, LinkClient, Reply, call

__all__ = ["put_file"]

_LOGS = "/logs/"
_CONFLICT, _MADE, _THERE, _MISSING = 409, 201, 405, 404
_ANY = range(200, 600)
_OTHER_CONTENT = "other-content"


async def put_file(
    client: LinkClient,
    appliance: str,
    name: str,
    content: Content,
    *,
    accept: Collection[int],
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Put `logs/<appliance>/<name>`; where the folder is missing it is made (RFC 4918, 9.3 and 9.7.1).

    `content` has to be such that it can be sent twice. Raises LinkFailure.
    """
    folder, statuses = f"{_LOGS}{appliance}/", {*accept, _CONFLICT}
    path = f"{folder}{name}"
    for again in (False, True):
        reply = await call(client, "PUT", path, content=content, headers=headers, accept=statuses)
        if reply.status in accept:
            return reply
        if again or _is_other_content(reply.body):
            break
        refused = await _make(client, folder)
        if refused is not None:
            raise refused
    link = client.link
    raise for_status(reply.status, reply.headers, link.endpoint, link.proxy)


async def _make(client: LinkClient, folder: str) -> LinkFailure | None:
    """Make a folder and those above. None: it is made, or was there; else the failure that this is."""
    status = await _status(client, "MKCOL", folder)
    if status == _CONFLICT and await _status(client, "MKCOL", _LOGS) in {_MADE, _THERE}:
        status = await _status(client, "MKCOL", folder)
    if status == _MADE:
        return None
    if status == _THERE and await _status(client, "HEAD", folder) != _MISSING:  # else it knows no MKCOL
        return None
    link, detail = client.link, f"{folder.strip('/')}: HTTP status {_CONFLICT}, and {status} to MKCOL"
    return failure("remote-no-folder", "service", link.endpoint, link.proxy, detail=detail)


async def _status(client: LinkClient, method: str, folder: str) -> int:
    return (await call(client, method, folder, accept=_ANY)).status


def _is_other_content(body: bytes) -> bool:
    """Whether the portal says that a different file lies under this name (docs/protocol.md)."""
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return False
    return bool(code == _OTHER_CONTENT)
