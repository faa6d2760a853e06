"""Every call of the control socket that only looks, asked at one moment of an agent's life."""

from pathlib import Path

from agents import LIMIT
from tm_tui.api.orders import CALLS
from tm_tui.api.transport import Transport

__all__ = ["looked_at"]

_NUMBERED = {404, 200}
"""Nothing need be there under a number; that is no bug."""


async def looked_at(socket: Path) -> set[str]:
    """Ask all of them, streams aside, numbers being 1; each answers as declared. Returns what was asked."""
    asked = set()
    transport = Transport(socket, LIMIT)
    for call in CALLS:
        if call.role != "read" or call.events:
            continue
        numbers = [1] * call.path.count(":number")
        answer = await transport.call("GET", call.target(*numbers), None, {})
        allowed = _NUMBERED if numbers or call.subject == "draft" else {call.status}
        assert answer.status in allowed, (call.shown, answer.status, answer.body[:500])
        asked.add(call.shown)
    for query in ("/v1/diagnostics?format=text", "/v1/spool?format=csv"):
        assert (await transport.call("GET", query, None, {})).status in {200, 507}, query
    return asked
