"""What counts as a mitigation issue, and what as one endpoint: the same for agent and portal.

docs/protocol.md, "Endpoints with mitigation issues".
"""

from functools import lru_cache

from tm_tui.spool.events import Status
from tm_tui.text import safe_text

__all__ = ["ISSUES", "STUCK_SECONDS", "endpoint_key"]

ISSUES: tuple[Status, ...] = (
    "unsuccessful",
    "rollback-unsuccessful",
    "no-mitigation",
    "manual-cleanup-needed",
)
"""Statuses of a mitigation that failed, was not tried, or waits for somebody."""
STUCK_SECONDS = 24 * 3600
"""`in-progress` for longer than this is an issue too."""


@lru_cache(8192)
def endpoint_key(hostname: str, mac: str | None, ip: str | None) -> str:
    """What makes it one endpoint of its appliance, however its names are written."""
    address = (mac or "").replace("-", ":") or ip or ""
    return f"{safe_text(hostname).casefold().rstrip('.')}\t{safe_text(address).lower()}"
