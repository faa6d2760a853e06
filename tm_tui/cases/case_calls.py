"""Cases as the control socket sees them: hand one in, give one up, look at all."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from tm_tui.api.cases import CaseInfo, CaseProgress, CasesDocument, CasesStatus
from tm_tui.api.requests import SubmitRequest
from tm_tui.api.shapes import LastFailure, Unreadable
from tm_tui.atomic import Folder
from tm_tui.cases.case_records import CaseBook, Record, State
from tm_tui.cases.pack_service import CasePacking
from tm_tui.cases.sources import Sources
from tm_tui.cases.upload_service import CaseUploads
from tm_tui.clock import Clock
from tm_tui.errors import Problem, TmError
from tm_tui.paths import Home
from tm_tui.tasks import threaded
from tm_tui.text import path_of, safe_text

__all__ = ["CaseDesk", "CaseRefused"]

_log = logging.getLogger(__name__)

_MOST_WAITING = 50
_LENGTHS = {"endpoint": 256, "threat": 256, "description": 1000}
_MOST_COUNTED = 10_000
_TO_CANCEL: tuple[State, ...] = ("packing", "waiting", "failed")


class CaseRefused(TmError):
    """A case that cannot be submitted. `problems` has one entry for each field."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{problems[0].field}: {problems[0].cause}", problems[0].remedy)
        self.problems = problems


class CaseDesk:
    """One appliance's cases. Submitting is an admin's decision; nothing here starts by itself."""

    def __init__(
        self, home: Home, book: CaseBook, packing: CasePacking, uploads: CaseUploads, clock: Clock
    ) -> None:
        self._home, self._book, self._packing, self._uploads = home, book, packing, uploads
        self._clock = clock

    def check(self, request: SubmitRequest) -> None:
        """Raise CaseRefused, naming each field. Blocks: it looks at the files."""
        problems = tuple(self._problems(request))
        if problems:
            raise CaseRefused(problems)

    def _problems(self, request: SubmitRequest) -> Iterator[Problem]:
        if not request.endpoint.strip():
            yield Problem("endpoint", "It is empty.", "Say which computer the files are from.")
        for field, most in _LENGTHS.items():
            if len(getattr(request, field)) > most:
                yield Problem(field, f"It has more than {most} characters.", "Say it shorter.")
        if sum(record.state in {"packing", "waiting"} for record in self._book.records()) >= _MOST_WAITING:
            yield Problem("paths", f"{_MOST_WAITING} cases wait already.", "Wait, or cancel some.")
        if not request.paths and not any(self._book.inbox.iterdir()):
            cause = f"Nothing was chosen, and the inbox {self._book.inbox} is empty."
            yield Problem("paths", safe_text(cause), "Give paths, or copy the files into the inbox.")
        sources = Sources(self._home, self._book.inbox)
        for path in request.paths:
            if "\0" in (real := str(path_of(path))):
                yield Problem("paths", "A path holds a NUL character.", "Give the path as `ls` shows it.")
                continue
            try:
                sources.check(Path(real))
            except TmError as refused:
                yield Problem("paths", refused.cause, refused.remedy)

    async def submit_file(self, name: str, data: bytes, description: str, about: str, by: str) -> CaseInfo:
        """Enter a case of one file that the agent made; it lies in the inbox until it is packed.

        `about` is its endpoint. Raises CaseRefused and StorageFailed.
        """
        path = self._book.inbox / name
        request = SubmitRequest(paths=(str(path),), endpoint=about, description=description)
        await threaded(self._put, path, data)
        try:
            await threaded(self.check, request)
        except CaseRefused:
            path.unlink(missing_ok=True)
            raise
        return await self.submit(request, by, clear=True)

    def _put(self, path: Path, data: bytes) -> None:
        with Folder.open(path.parent) as inbox:
            inbox.replace(path.name, data)

    async def submit(self, request: SubmitRequest, by: str, *, clear: bool = False) -> CaseInfo:
        """Enter a case that was checked; with `clear` its files leave the inbox once they are packed.

        Raises StorageFailed.
        """
        record = await self._book.add(
            created_at=self._clock.now(),
            submitted_by=by,
            sources=request.paths or (str(self._book.inbox),),
            inbox=clear or not request.paths,
            form=request.form,
            **{field: safe_text(getattr(request, field).strip(), most) for field, most in _LENGTHS.items()},
        )
        _log.info("%s submits case %d, about %s.", by, record.number, record.endpoint)
        return self.info(record)

    async def cancel(self, number: int, by: str) -> CaseInfo:
        """Give a case up; its packed file goes at once. Raises TmError when that is not possible."""
        before = self._book.get(number).state
        record = await self._book.change(number, only_in=_TO_CANCEL, state="cancelled")
        if record.state == "submitted":
            raise TmError(f"Case {number} is at the portal already.", "Ask the portal's operator to drop it.")
        if before != "cancelled":
            self._uploads.troubles.over(number)  # the server is told at once, whatever failed before
            _log.info("%s cancels case %d.", by, number)
        return self.info(record)

    def send_now(self) -> None:
        """Try again at once what waits or is paused."""
        self._uploads.send_now()

    # --- to look at

    def get(self, number: int) -> CaseInfo:
        """One case. Raises TmError when there is none."""
        return self.info(self._book.get(number))

    def document(self, *, enabled: bool) -> CasesDocument:
        """All cases."""
        return CasesDocument(
            state=self._uploads.state(enabled=enabled),
            inbox=str(self._book.inbox),
            inbox_files=_count(self._book.inbox),
            cases=tuple(self.info(record) for record in self._book.records()[:200]),
            unreadable=tuple(
                Unreadable(what=f"Case {number}", cause=cause)
                for number, cause in sorted(self._book.damaged.items(), reverse=True)[:200]
            ),
        )

    def status(self, *, enabled: bool) -> CasesStatus:
        """The part of the snapshot."""
        waiting = [record for record in self._book.records() if record.state in {"packing", "waiting"}]
        trouble = self._uploads.troubles.next()
        paused = self._uploads.troubles.way.paused
        return CasesStatus(
            state=self._uploads.state(enabled=enabled),
            waiting=len(waiting),
            changes=self._book.changes,
            progress=self._sending() or self._packing_now(),
            last_failure=trouble.last if trouble and enabled else None,
            next_try_in_seconds=round(trouble.left(), 3) if trouble and enabled and not paused else None,
        )

    def info(self, record: Record) -> CaseInfo:
        """Show one case."""
        progress = next(
            (one for one in (self._sending(), self._packing_now()) if one and one.number == record.number),
            None,
        )
        trouble = self._uploads.troubles.get(record.number) if record.open else None
        failed = LastFailure(
            code="case-not-packed",
            stage="cases",
            cause=record.cause,
            remedy=record.remedy,
            at=record.created_at,
        )
        return CaseInfo(
            **record.model_dump(exclude=_PRIVATE),
            state="sending" if progress and progress.phase == "sending" else record.state,
            progress=progress,
            last_failure=failed if record.state == "failed" else trouble.last if trouble else None,
            next_try_in_seconds=round(trouble.left(), 3)
            if trouble and not self._uploads.troubles.way.paused
            else None,
        )

    def _sending(self) -> CaseProgress | None:
        for number, progress in self._uploads.progress.items():
            rate, left = progress.rate, progress.seconds_left
            return CaseProgress(
                number=number,
                phase="sending",
                done_bytes=progress.sent,
                bytes=progress.size,
                bytes_per_second=None if rate is None else round(rate),
                seconds_left=None if left is None else round(left, 1),
            )
        return None

    def _packing_now(self) -> CaseProgress | None:
        if self._packing.packed_bytes is None:
            return None
        number, read = self._packing.packed_bytes
        return CaseProgress(number=number, phase="packing", done_bytes=read)


_PRIVATE = {"state", "key", "inbox", "server", "location", "cause", "remedy"}


def _count(inbox: Path) -> int:
    count = 0
    for _, _, names in os.walk(inbox):
        count += len(names)
        if count > _MOST_COUNTED:
            break
    return count
