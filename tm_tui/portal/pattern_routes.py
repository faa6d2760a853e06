"""The portal's patterns over HTTP: static files, and the task that keeps their signatures fresh."""

import asyncio
import re

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from tm_tui.errors import TmError
from tm_tui.portal import appliances
from tm_tui.portal.callers import Caller, caller_of
from tm_tui.portal.core import Portal
from tm_tui.portal.pattern_repository import PatternRepository
from tm_tui.portal.refusals import Refused

__all__ = ["keep_patterns", "pattern_root", "prepare_patterns", "routes"]

_SERVED = re.compile(
    r"metadata/(?:[0-9]{1,9}\.(?:root|targets|snapshot)|timestamp)\.json"
    r"|targets/[0-9a-f]{64}\.pattern-(?P<number>[0-9]{9})"
)
_LOOK_SECONDS = 600.0
"""Often: what went out of date while the machine slept, or by a step of its clock, is refused until then."""


def routes(portal: Portal) -> list[Route]:
    """GET /v1/patterns/<metadata or targets>/<file>."""

    async def check_meant(number: int, caller: Caller) -> None:
        """A pattern for one appliance is for its account alone."""
        appliance = await asyncio.to_thread(PatternRepository(portal.home).meant_for, number)
        if appliance is not None:
            await portal.database.call(appliances.check_owner, appliance, caller.bound_to)

    async def served(request: Request) -> Response:
        name = request.path_params["name"]
        path = portal.home.patterns / name
        found = _SERVED.fullmatch(name)
        if not found or not path.is_file():
            cause = "There is no such file among the patterns."
            raise Refused(404, "no-such-file", cause, "Begin with metadata/timestamp.json.")
        if found["number"]:
            await check_meant(int(found["number"]), caller_of(request))
        return FileResponse(
            path, media_type="application/octet-stream", headers={"cache-control": "no-cache"}
        )

    return [Route("/v1/patterns/{name:path}", served, methods=["GET"])]


async def pattern_root(portal: Portal) -> str | None:
    """The root that an appliance is given at registration; None while it cannot be read."""
    try:
        return await asyncio.to_thread(PatternRepository(portal.home).root_text)
    except TmError as error:
        portal.log.say("patterns-unusable", cause=error.cause)
        return None


async def prepare_patterns(portal: Portal) -> None:
    """Make keys and first lists. Where that fails the portal goes on without patterns, and says so."""
    try:
        await asyncio.to_thread(PatternRepository(portal.home).prepare, portal.clock.now())
    except TmError as error:
        portal.log.say("patterns-unusable", cause=error.cause)


async def keep_patterns(portal: Portal) -> None:
    """Sign again what grows old, until this is cancelled."""
    repository, never = PatternRepository(portal.home), asyncio.Event()
    while True:
        await portal.clock.wait(never, _LOOK_SECONDS)
        try:
            renewed = await asyncio.to_thread(repository.renew, portal.clock.now())
        except TmError as error:
            portal.log.say("patterns-not-renewed", cause=error.cause)
            continue
        if renewed:
            portal.log.say("patterns-renewed")
