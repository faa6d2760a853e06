"""What the server showed of itself, told so that an admin can judge it: certificate or host key."""

import re
from datetime import UTC, date, datetime

from tm_tui.api.agent import HostKeyInfo
from tm_tui.clock import Clock
from tm_tui.link.host_keys import HostKey
from tm_tui.link.types import Link, Observer
from tm_tui.probe.events import Steps

__all__ = ["key_info", "observer", "with_days_left"]

_SOON_DAYS = 14
_NOT_AFTER = re.compile(r"valid to (?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})")
_FOLLOWING = {"tls": "authentication", "authentication": "service"}


def observer(steps: Steps, link: Link, clock: Clock) -> Observer:
    """Turn what a link tells into steps. Where one passes, what comes next begins at once."""

    def observe(stage: str, outcome: str, detail: str) -> None:
        if outcome == "started":
            steps.start(stage)
        elif stage == steps.current:
            key = _approved(link, detail) if stage == "host_key" else None
            steps.passed(with_days_left(detail, clock.now()) if stage == "tls" else detail, key)
            if stage in _FOLLOWING:
                steps.start(_FOLLOWING[stage])

    return observe


def with_days_left(detail: str, now: datetime) -> str:
    """Add the days left to a certificate's description, which says `valid to 2026-12-01` (UTC).

    A certificate that ends within 14 days is warned of.
    """
    found = _NOT_AFTER.search(detail)
    if not found:
        return detail
    days = (date.fromisoformat(found["date"]) - now.astimezone(UTC).date()).days
    left = f", {days} {'day' if days == 1 else 'days'} left"
    warning = " - it expires soon, have it renewed" if days < _SOON_DAYS else ""
    return f"{detail[: found.end()]}{left}{warning}{detail[found.end() :]}"


def key_info(key: HostKey | None, link: Link) -> HostKeyInfo | None:
    """A key that the server showed, and how it stands to the approved ones. Raises StorageFailed."""
    if key is None:
        return None
    return HostKeyInfo(
        endpoint=key.endpoint.bracketed,
        algorithm=key.algorithm,
        fingerprint=key.fingerprint,
        state=link.trust.host_keys.state(key),
    )


def _approved(link: Link, detail: str) -> HostKeyInfo:
    """The key of a passed step, which the link describes as `algorithm SHA256:...`."""
    algorithm, _, fingerprint = detail.partition(" ")
    return HostKeyInfo(
        endpoint=link.endpoint.bracketed, algorithm=algorithm, fingerprint=fingerprint, state="approved"
    )
