"""What the server showed of itself, told so that an admin can judge it: certificate or host key."""

from datetime import UTC, datetime

from tm_tui.api.agent import HostKeyInfo
from tm_tui.clock import Clock
from tm_tui.link.host_keys import HostKey
from tm_tui.link.types import Fact, Link, Observer, ShownCertificate
from tm_tui.probe.events import Steps

__all__ = ["key_info", "observer", "with_days_left"]

_SOON_DAYS = 14
_FOLLOWING = {"tls": "authentication", "authentication": "service"}


def observer(steps: Steps, clock: Clock) -> Observer:
    """Turn what a link tells into steps. Where one passes, what comes next begins at once."""

    def observe(stage: str, outcome: str, fact: Fact) -> None:
        if outcome == "started":
            steps.start(stage)
        elif stage == steps.current:
            key = _approved(fact) if isinstance(fact, HostKey) else None
            words = with_days_left(fact, clock.now()) if isinstance(fact, ShownCertificate) else str(fact)
            steps.passed(words, key)
            if stage in _FOLLOWING:
                steps.start(_FOLLOWING[stage])

    return observe


def with_days_left(certificate: ShownCertificate, now: datetime) -> str:
    """Say what a certificate says, and how many days are left; one that ends within 14 days is warned of."""
    days = (certificate.until - now.astimezone(UTC).date()).days
    warning = " - it expires soon, have it renewed" if days < _SOON_DAYS else ""
    return certificate.words(f", {days} {'day' if days == 1 else 'days'} left{warning}")


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


def _approved(key: HostKey) -> HostKeyInfo:
    """The key of a passed step."""
    return HostKeyInfo(
        endpoint=key.endpoint.bracketed,
        algorithm=key.algorithm,
        fingerprint=key.fingerprint,
        state="approved",
    )
