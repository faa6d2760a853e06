"""POST /v1/probe: a connection test whose steps stream back; the reader's leaving cancels it.

Each test is a line of the journal: who, whereto, how it ended. So is one that a saved password stood against.
"""

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind_order
from tm_tui.agent.server.costly import held
from tm_tui.agent.server.http import uid_of
from tm_tui.agent.server.routes.settings import candidate_of
from tm_tui.agent.server.streams import Events, event, event_stream
from tm_tui.api import orders
from tm_tui.api.agent import ProbeReport, StepEvent
from tm_tui.api.requests import ProbeRequest
from tm_tui.diagnostics.last_test import KeptProbe
from tm_tui.errors import PasswordAgain
from tm_tui.probe.settings import whereto
from tm_tui.serving.refusals import Refused
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["probe_routes"]

_log = logging.getLogger(__name__)

_MOST = 4
"""Connection tests at once."""


def probe_routes(core: Core) -> list[Bound]:
    """Make the route."""
    running: set[object] = set()

    async def probe(request: Request, wanted: ProbeRequest) -> Response:
        if len(running) >= _MOST:
            cause = f"{_MOST} connection tests are under way."
            raise Refused(429, "too-many-probes", cause, "Wait until one has ended, then test again.")
        admitted = object()
        running.add(admitted)  # from here on it counts, whatever is awaited
        try:
            response = await _begun(core, request, wanted)
        except BaseException:
            running.discard(admitted)
            raise
        return held(response, lambda: running.discard(admitted))

    return [bind_order(orders.PROBE, probe)]


async def _begun(core: Core, request: Request, wanted: ProbeRequest) -> Response:
    user: str = request.state.session.user
    try:
        revision = await candidate_of(core, uid_of(request), wanted.settings, wanted.secrets)
    except PasswordAgain as again:
        unsaved = Settings.parse(wanted.settings or {})
        _log.warning("%s: no test of %s. %s", user, whereto(unsaved), again.cause)
        raise
    probe = core.last_test.begin(core.clock.now(), unsaved=wanted.settings is not None)
    return event_stream(_steps(core, revision, probe, user), request, core.clock, core.stopping)


async def _steps(core: Core, revision: Revision, probe: KeptProbe, user: str) -> Events:
    from tm_tui.probe.runner import run_probe

    try:
        run = run_probe(revision, core.host_keys, core.appliance, clock=core.clock)
        async with aclosing(cast("AsyncGenerator[StepEvent | ProbeReport, None]", run)) as steps:
            async for step in steps:
                probe.add(step)
                yield event("report" if isinstance(step, ProbeReport) else "step", step)
    finally:
        _log.info("%s tested %s: %s.", user, whereto(revision.settings), _ending(probe.report))


def _ending(report: ProbeReport | None) -> str:
    """How a test ended, in a few words."""
    if report is None:
        return "broken off"
    if report.passed:
        return f"passed in {report.seconds:.1f} s"
    return "failed, " + ", ".join(f"{failure.step} {failure.code}" for failure in report.failures)
