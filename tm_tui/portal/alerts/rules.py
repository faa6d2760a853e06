"""What begins and what ends, of what the portal knows at one moment. No clock or database is read here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tm_tui.clock import moment_of
from tm_tui.portal.alerts.message import Kind
from tm_tui.portal.alerts.settings import AlertSettings
from tm_tui.spoken import utc_time

__all__ = ["CERTIFICATE", "JITTER", "Began", "Change", "Ended", "Known", "Seen", "changes"]

JITTER = 1.1
"""Beats come at their interval, ten percent more or less."""
CERTIFICATE = "The portal's certificate"
_DAY = 86400.0
_BACK_INTERVALS = 2
"""An appliance is back with a beat within so many intervals, as in Registered Products."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One appliance. Moments are Unix seconds; `last_at` is its last beat, else its registration."""

    appliance: str
    interval: float
    last_at: float
    waiting: int = 0
    addresses: tuple[str, ...] = ()
    """From where it beats, if its identity exists twice."""


@dataclass(frozen=True, slots=True)
class Known:
    """An alert that holds. `since` is in Unix seconds."""

    number: int
    since: float


Standing = Mapping[tuple[Kind, str], Known]
"""Those that hold, by kind and subject."""


@dataclass(frozen=True, slots=True)
class Began:
    """Something to tell."""

    kind: Kind
    subject: str
    since: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """Something that is over. `quietly`: as its appliance was removed; nobody is told."""

    number: int
    at: float
    quietly: bool = False


Change = Began | Ended


@dataclass(frozen=True, slots=True)
class _When:
    """The rules, and the moment. `watching`: since when the portal has listened."""

    settings: AlertSettings
    now: float
    watching: float


def changes(
    seen: Iterable[Seen],
    standing: Standing,
    settings: AlertSettings,
    *,
    now: float,
    watching: float,
    certificate: float | None,
) -> Iterator[Change]:
    """What is new at `now`.

    `seen` has to hold all appliances about which something stands. `watching` is since when the portal has
    been listening without a gap: silence counts from then on at the earliest. `certificate` is when the
    portal's certificate ends.
    """
    left, when = dict(standing), _When(settings, now, watching)
    for one in seen:
        for kind, rule in _RULES.items():
            known = left.pop((kind, one.appliance), None)
            found = rule(one, known, when)
            if found is not None:
                yield found
    yield from _of_certificate(left.pop(("certificate", CERTIFICATE), None), settings, now, certificate)
    yield from (Ended(known.number, now, quietly=True) for known in left.values())


def _silent(one: Seen, known: Known | None, when: _When) -> Change | None:
    told = one.last_at if one.last_at <= when.now else 0.0  # one of the future says nothing of now
    if known is None:
        longest = when.settings.silent_intervals * one.interval * JITTER
        late = when.now - max(told, when.watching) > longest
        return Began("silent", one.appliance, one.last_at) if late else None
    back = told > known.since and when.now - told <= _BACK_INTERVALS * one.interval
    return Ended(known.number, told) if back else None


def _full(one: Seen, known: Known | None, when: _When) -> Change | None:
    if known is None:
        if one.waiting < when.settings.queue_events:
            return None
        return Began("queue-full", one.appliance, when.now, f"{one.waiting:,} events wait")
    return Ended(known.number, when.now) if one.waiting < when.settings.queue_events / 2 else None


def _twice(one: Seen, known: Known | None, when: _When) -> Change | None:
    if known is None:
        detail = f"from {' and '.join(one.addresses)}"
        return Began("clone", one.appliance, when.now, detail) if one.addresses else None
    return None if one.addresses else Ended(known.number, when.now)


_Rule = Callable[[Seen, Known | None, _When], Change | None]
_RULES: dict[Kind, _Rule] = {"silent": _silent, "queue-full": _full, "clone": _twice}


def _of_certificate(
    known: Known | None, settings: AlertSettings, now: float, end: float | None
) -> Iterator[Change]:
    near = end is not None and end - now < settings.certificate_days * _DAY
    if near and known is None:
        assert end is not None  # noqa: S101 # as `near` says
        yield Began("certificate", CERTIFICATE, now, f"it ends on {utc_time(moment_of(end))} UTC")
    elif known is not None and not near:
        yield Ended(known.number, now)
