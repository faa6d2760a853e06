"""The last 24 hours of beats and deliveries, counted in slots of ten minutes: always of the same size."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tm_tui.api.past import BAD, GOOD, NOTHING, SLOT_SECONDS, SLOTS, Marked
from tm_tui.values import Amount, Count

__all__ = ["Counted", "KeptCounts", "Running"]

_DAY = SLOTS * SLOT_SECONDS


class Running:
    """Seconds that this appliance has a memory of: they never step, and go on through restarts.

    `monotonic` gives those of this boot, `began` is the reading that goes with this moment.
    """

    def __init__(self, monotonic: Callable[[], float], began: float = 0.0) -> None:
        self._monotonic = monotonic
        self._shift = began - monotonic()

    def now(self) -> float:
        """The reading of this moment."""
        return self._monotonic() + self._shift


class KeptCounts(BaseModel):
    """As it lies on the disk: the number of the newest slot, and the slots up to it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    newest: Count = 0
    slots: Annotated[tuple[tuple[Count, Count], ...], Field(max_length=SLOTS)] = ()
    """Done and failed of each, the newest last."""
    last_failed: Amount | None = None
    """The reading of `Running` at which something failed last."""


class Counted:
    """What was done and what failed in each slot of the last 24 hours."""

    def __init__(self, clock: Running, kept: KeptCounts | None = None) -> None:
        kept = kept or KeptCounts()
        self._clock = clock
        slots = [list(slot) for slot in kept.slots]
        self._slots = [[0, 0] for _ in range(SLOTS - len(slots))] + slots
        self._newest = kept.newest
        self._last_failed = kept.last_failed
        if not kept.slots:
            self._newest = self._slot()

    def _slot(self) -> int:
        return max(0, int(self._clock.now() // SLOT_SECONDS))

    def _turn(self) -> None:
        """Let the slots that are over a day old go."""
        passed = self._slot() - self._newest
        if passed > 0:
            fresh = min(passed, SLOTS)
            self._slots = self._slots[fresh:] + [[0, 0] for _ in range(fresh)]
            self._newest += passed

    def note(self, done: int, failed: int) -> None:
        """So many more, now."""
        self._turn()
        self._slots[-1][0] += done
        self._slots[-1][1] += failed
        if failed:
            self._last_failed = self._clock.now()

    def kept(self) -> KeptCounts:
        """As it is kept."""
        self._turn()
        slots = tuple((done, failed) for done, failed in self._slots)
        return KeptCounts(newest=self._newest, slots=slots, last_failed=self._last_failed)

    def show(self, now: datetime) -> Marked:
        """Make the part of the snapshot; `now` is the wall clock's time."""
        self._turn()
        done, failed = (sum(column) for column in zip(*self._slots, strict=True))
        ago = None if self._last_failed is None else self._clock.now() - self._last_failed
        return Marked(
            marks="".join(_mark(*slot) for slot in self._slots) if done or failed else "",
            done=done,
            failed=failed,
            last_failed_at=None if ago is None or not failed else now - timedelta(seconds=min(ago, _DAY)),
        )


def _mark(done: int, failed: int) -> str:
    return BAD if failed else GOOD if done else NOTHING
