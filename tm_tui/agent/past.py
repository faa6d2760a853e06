"""What outlives restarts and switching off: the registration, the last beat, who switched off, the last day.

It lies in `state/past.json`, a few thousand bytes that are replaced whole, at most once a minute; what is
decided (a registration, switching off) is written at once. A kill costs the last minute; what cannot be read
begins anew, for all of this is to look at only.
"""

import asyncio
import logging
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tm_tui.agent.last_day import Counted, KeptCounts, Running
from tm_tui.api.agent import ServerState, StatusServerStatus
from tm_tui.api.past import LastDay
from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.changes import Throttle
from tm_tui.clock import Clock, boot_id
from tm_tui.errors import StorageFailed
from tm_tui.settings.store import Revision
from tm_tui.tasks import Tasks, threaded
from tm_tui.text import SafeText
from tm_tui.values import Amount, Moment

__all__ = ["Past"]

_log = logging.getLogger(__name__)

_NAME = "past.json"
_MOST_BYTES = 1 << 16
_SECONDS = 60.0


class _Kept(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    appliance: SafeText = ""
    server: SafeText = ""
    """The status server to which all of this belongs."""
    registered_at: Moment | None = None
    last_beat_at: Moment | None = None
    last_beat: Amount | None = None
    """The reading of `Running` at the last beat."""
    enabled: bool = False
    off_at: Moment | None = None
    off_by: SafeText = ""
    written: Amount = 0.0
    """The reading of `Running` when this was written, and what the clocks said then."""
    boot: SafeText = ""
    monotonic: Amount = 0.0
    wall: Moment | None = None
    beats: KeptCounts = KeptCounts()
    deliveries: KeptCounts = KeptCounts()


class Past:
    """Told of what happens, it completes the status with what a run of the agent alone does not know."""

    def __init__(self, state: Path, appliance: str, clock: Clock) -> None:
        """Read what is kept. Blocks, as opening the agent does; never raises for a file that is wrong."""
        self._state, self._appliance, self._clock = state, appliance, clock
        kept = self._read()
        self._running = Running(clock.monotonic, _reading(kept, clock))
        self._kept = kept
        self._beats = Counted(self._running, kept.beats)
        self._deliveries = Counted(self._running, kept.deliveries)
        self._before = (0, 0)
        self._throttle = Throttle(self._begin_writing, _SECONDS)
        self._tasks = Tasks()
        self._writing = asyncio.Lock()
        self._unwritten = self._complained = False

    # What happens -------------------------------------------------------------------------------------------

    def adopt(self, revision: Revision) -> None:
        """Settings are in force: they may switch sending off, or lead to another status server."""
        tmsp, kept = revision.settings.tmsp, self._kept
        server = f"{tmsp.status_server.host}:{tmsp.status_server.port}"
        known = kept.server == server
        if not known and not tmsp.enabled and not kept.enabled:
            return  # another address on a form that is off says nothing of what was
        if not known and tmsp.enabled:
            kept = _changed(kept, registered_at=None, last_beat_at=None, last_beat=None)
        if kept.enabled and not tmsp.enabled:
            kept = _changed(kept, off_at=revision.saved_at or self._clock.now(), off_by=revision.saved_by)
        elif tmsp.enabled:
            kept = _changed(kept, off_at=None, off_by="", server=server)
        self._put(_changed(kept, enabled=tmsp.enabled), urgent=True)

    def heard(self, server: StatusServerStatus) -> None:
        """The status server said something, or is silent: beats, and the registration."""
        kept = self._kept
        if server.state is ServerState.UNREGISTERED:
            kept = _changed(kept, registered_at=None)
        elif server.registered_at is not None:
            kept = _changed(kept, registered_at=server.registered_at)
        done, failed = server.beats_accepted - self._before[0], server.beats_missed - self._before[1]
        self._before = (server.beats_accepted, server.beats_missed)
        if done and server.last_beat_at is not None:
            age = server.last_beat_age_seconds or 0.0
            last = max(0.0, self._running.now() - age)
            kept = _changed(kept, last_beat_at=server.last_beat_at, last_beat=last)
        if done or failed:
            self._beats.note(done, failed)
        self._put(kept, urgent=kept.registered_at != self._kept.registered_at, counted=bool(done or failed))

    def delivered(self, events: int, failed: int) -> None:
        """So many events more were delivered, so many more tries failed."""
        if events or failed:
            self._deliveries.note(events, failed)
            self._put(self._kept, counted=True)

    # To look at ---------------------------------------------------------------------------------------------

    def completed(self, server: StatusServerStatus) -> StatusServerStatus:
        """The status with what is known from before this run, or from before sending was switched off."""
        kept, told = self._kept, server.fields()
        if server.registered_at is None and server.state is not ServerState.UNREGISTERED:
            told["registered_at"] = kept.registered_at
        if server.last_beat_at is None and kept.last_beat_at is not None and kept.last_beat is not None:
            told["last_beat_at"] = kept.last_beat_at
            told["last_beat_age_seconds"] = round(max(0.0, self._running.now() - kept.last_beat), 3)
        return StatusServerStatus(**{**told, "switched_off_at": kept.off_at, "switched_off_by": kept.off_by})

    def last_day(self) -> LastDay:
        """The last 24 hours."""
        now = self._clock.now()
        return LastDay(beats=self._beats.show(now), deliveries=self._deliveries.show(now))

    # On the disk --------------------------------------------------------------------------------------------

    def _put(self, kept: _Kept, *, urgent: bool = False, counted: bool = False) -> None:
        if kept == self._kept and not counted:
            return
        self._kept, self._unwritten = kept, True
        if urgent:
            self._begin_writing()
        else:
            self._throttle()

    def _begin_writing(self) -> None:
        self._tasks.start(self._write(), "writing of what was")

    async def _write(self) -> None:
        async with self._writing:
            if not self._unwritten:
                return
            self._unwritten = False
            data = self._document()
            try:
                await threaded(_replace, self._state, data)
            except StorageFailed as failure:
                self._unwritten = True
                if not self._complained:
                    _log.warning("What was is not kept. %s %s", failure.cause, failure.remedy)
                self._complained = True
            else:
                self._complained = False

    def _document(self) -> bytes:
        now = _changed(
            self._kept,
            appliance=self._appliance,
            written=max(0.0, self._running.now()),
            boot=boot_id(),
            monotonic=max(0.0, self._clock.monotonic()),
            wall=self._clock.now(),
            beats=self._beats.kept(),
            deliveries=self._deliveries.kept(),
        )
        return now.model_dump_json().encode()

    async def close(self) -> None:
        """Write what is not written yet."""
        self._throttle.stop()
        await self._write()
        await self._tasks.stop()

    def _read(self) -> _Kept:
        try:
            with Folder.open(self._state) as folder:
                kept = _Kept.model_validate_json(folder.read(_NAME, _MOST_BYTES))
        except StorageAbsent:
            return _Kept()
        except StorageFailed as failure:
            _log.warning("What was is not known any more. %s %s", failure.cause, failure.remedy)
            return _Kept()
        except ValidationError:
            _log.warning("What was is not known any more: %s is damaged.", self._state / _NAME)
            return _Kept()
        return kept if kept.appliance in {"", self._appliance} else _Kept()


def _replace(state: Path, data: bytes) -> None:
    with Folder.open(state) as folder:
        folder.replace(_NAME, data)


def _changed(kept: _Kept, **values: object) -> _Kept:
    return _Kept.model_validate({**dict(kept), **values})


def _reading(kept: _Kept, clock: Clock) -> float:
    """What `Running` says now: in the same boot by its clock, after another one by the wall clock."""
    now = clock.monotonic()
    if kept.boot and kept.boot == boot_id() and kept.monotonic <= now:
        return kept.written + now - kept.monotonic
    passed = (clock.now() - kept.wall).total_seconds() if kept.wall is not None else 0.0
    return kept.written + max(0.0, passed)
