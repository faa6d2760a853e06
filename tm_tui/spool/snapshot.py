"""What the spool shows of itself: frozen values, taken at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass

from tm_tui.errors import StorageFailed
from tm_tui.spoken import count
from tm_tui.spool.core import SpoolCore, Waiting
from tm_tui.spool.disk import Quota
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.sealed import Sum

__all__ = ["KindWaiting", "SpoolSnapshot", "closed", "snapshot"]

_WARN_PERCENT = 70


@dataclass(frozen=True, slots=True)
class KindWaiting:
    """What waits of one kind."""

    events: int
    bytes: int
    batches: int


@dataclass(frozen=True, slots=True)
class SpoolSnapshot:
    """What is accepted and not yet delivered. Bytes are those on the disk, sealed or not."""

    events: int
    bytes: int
    oldest_age_seconds: float | None
    full_percent: int
    limit_bytes: int
    limit_age_seconds: float
    kinds: dict[EventKind, KindWaiting]
    accepted: int
    """Events ever accepted by this spool."""
    lost: int
    """Events that damage to the disk has cost, ever."""
    notes: tuple[str, ...]
    """What was found damaged since the start, and what cannot be done now, one sentence each."""
    refusal: str | None
    """Why nothing can be accepted now."""

    @property
    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now, one sentence each: filling up (from 70 %), refusing, damage."""
        found = [self.refusal] if self.refusal else []
        if not self.refusal and self.full_percent >= _WARN_PERCENT:
            found.append(f"The log queue is {self.full_percent} % full.")
        if self.lost:
            found.append(f"Damage to the disk has cost {count(self.lost, 'event')} of the log queue.")
        return (*found, *self.notes)


def snapshot(core: SpoolCore, notes: Sequence[str] = ()) -> SpoolSnapshot:
    """Take one, with `notes` of those who work on it. Cheap, from any thread."""
    oldest, used = core.oldest(), core.used()
    age = None if oldest is None else max(0, core.age.now() - oldest) / 1000
    quota = core.quota
    percent = max(used / quota.bytes, (age or 0.0) / quota.age) * 100
    refusal = core.refusal(0) or core.disk.trouble
    return SpoolSnapshot(
        events=core.events(),
        bytes=used,
        oldest_age_seconds=age,
        full_percent=min(100, int(percent)),
        limit_bytes=quota.bytes,
        limit_age_seconds=quota.age,
        kinds={kind: _of_kind(core.waiting[kind], core.sealed.kinds[kind]) for kind in KINDS},
        accepted=core.next_seq - 1,
        lost=core.lost,
        notes=(*core.disk.notes, *notes),
        refusal=str(refusal) if refusal else None,
    )


def closed(problem: StorageFailed, quota: Quota) -> SpoolSnapshot:
    """What there is to show of a spool that could not be opened: nothing is known but why."""
    none = {kind: KindWaiting(0, 0, 0) for kind in KINDS}
    return SpoolSnapshot(
        events=0,
        bytes=0,
        oldest_age_seconds=None,
        full_percent=0,
        limit_bytes=quota.bytes,
        limit_age_seconds=quota.age,
        kinds=none,
        accepted=0,
        lost=0,
        notes=(),
        refusal=str(problem),
    )


def _of_kind(waiting: Waiting, sealed: Sum) -> KindWaiting:
    return KindWaiting(waiting.events + sealed.events, waiting.bytes + sealed.bytes, sealed.batches)
