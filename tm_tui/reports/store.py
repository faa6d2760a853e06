"""The reports on this appliance's disk: whole files under numbers of our own, and an index of what they are.

The index is replaced at once, and counts: a file that it does not name is a leftover of a crash.
"""

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed
from tm_tui.reports.protocol import MOST_REPORT_BYTES, ReportEntry
from tm_tui.spoken import count
from tm_tui.text import SafeText, safe_lines, safe_text
from tm_tui.values import Count, Moment, wrong_in

__all__ = ["Bounds", "KeptReport", "ReportStore"]

_INDEX = "index.json"
_MOST_INDEX_BYTES = 2 << 20
_MOST_DROPPED = 1000
_MOST_NUMBER = 100_000_000
_OURS = re.compile(r"[0-9]{8}\.md|\.new-.*")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be kept."""

    reports: int = 200
    bytes: int = 8 << 20
    days: int = 400


class KeptReport(BaseModel):
    """One report in the index."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    number: Annotated[int, Field(ge=1, lt=_MOST_NUMBER)]
    id: SafeText
    kind: SafeText
    title: SafeText
    made_at: Moment
    fetched_at: Moment
    bytes: Count
    read: bool = False

    @property
    def file(self) -> str:
        """Its file's name, which nobody else chose."""
        return f"{self.number:08d}.md"


@dataclass(frozen=True, slots=True)
class DamagedReport:
    """A line of the index that cannot be read: what it was, its id as far as it is known, and why."""

    what: str
    id: str
    cause: str


class _Index(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    next_number: Annotated[int, Field(ge=1, le=_MOST_NUMBER)] = 1
    reports: tuple[KeptReport, ...] = ()
    """In the order in which they were fetched."""
    dropped: tuple[SafeText, ...] = Field(default=(), max_length=_MOST_DROPPED)
    """Ids that had to make room: they are not fetched again."""


class _Lines(BaseModel):
    """The index as far as it can be told before each of its lines is looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    reports: list[Any] = []
    dropped: list[Any] = []


def _line_by_line(data: bytes) -> tuple[_Index, tuple[DamagedReport, ...]]:
    """The lines of a damaged index that are whole, and the others. Raises ValidationError if it has none.

    The next number counts from what is there, as after a crash.
    """
    lines = _Lines.model_validate_json(data)
    whole: dict[int, KeptReport] = {}
    damaged: list[DamagedReport] = []
    for place, line in enumerate(lines.reports, 1):
        try:
            one = KeptReport.model_validate(line)
        except ValidationError as error:
            damaged.append(_damaged(place, line, wrong_in(error)))
        else:
            whole[one.number] = one
    dropped = [one for one in lines.dropped if isinstance(one, str)]
    return _Index(reports=tuple(whole.values()), dropped=tuple(dropped[-_MOST_DROPPED:])), tuple(damaged)


def _damaged(place: int, line: Any, cause: str) -> DamagedReport:
    named = line if isinstance(line, dict) else {}
    number, title = named.get("number"), named.get("title")
    what = f"Report {number}" if isinstance(number, int) and 0 < number < _MOST_NUMBER else f"Line {place}"
    words = f"{what}, {title}" if isinstance(title, str) and title else what
    return DamagedReport(safe_text(words, 200), safe_text(str(named.get("id", "")), 200), safe_text(cause))


class ReportStore:
    """One folder. Its methods block; one at a time may run. All raise StorageFailed."""

    def __init__(self, folder: Path, bounds: Bounds | None = None) -> None:
        self._folder = folder
        self._bounds = bounds or Bounds()
        self._index = _Index()
        self._loaded = False
        self.damaged: tuple[DamagedReport, ...] = ()
        """What the index says and nobody can read, until it is fetched again or the agent restarts."""
        self.problem: StorageFailed | None = None
        """Why the reports that were here are not: the folder cannot be read, or the index was damaged."""

    def load(self) -> None:
        """Read the index, and sweep what a crash left. What stands in the way is the `problem`."""
        try:
            self._load()
        except StorageFailed as problem:
            self.problem = problem

    def _load(self) -> None:
        with Folder.open(self._folder, create=True) as folder:
            self._index, self.damaged, self.problem = self._read(folder)
            there = set(folder.names())
            kept = tuple(one for one in self._index.reports if one.file in there)
            for name in there - {one.file for one in kept}:
                if _OURS.fullmatch(name):
                    folder.remove(name)
            newest = max((int(name[:8]) for name in there if name[:8].isdigit()), default=0)
            number = max(self._index.next_number, newest + 1)
            self._index = self._index.model_validate(
                {**dict(self._index), "reports": kept, "next_number": number}
            )
        self._loaded = True

    def _read(self, folder: Folder) -> tuple[_Index, tuple[DamagedReport, ...], StorageFailed | None]:
        """The index, what of it is damaged, and what to say of that; a damaged one is kept beside."""
        try:
            data = folder.read(_INDEX, _MOST_INDEX_BYTES)
        except StorageAbsent:
            return _Index(), (), None
        with suppress(ValidationError):
            return _Index.model_validate_json(data), (), None
        try:
            index, damaged = _line_by_line(data)
            lost = f"was damaged: {count(len(damaged), 'report')} cannot be shown"
        except ValidationError:
            index, damaged, lost = _Index(), (), "was damaged and begins anew"
        folder.rename(_INDEX, "index.damaged")
        folder.replace(_INDEX, index.model_dump_json().encode())
        cause = f"The list of reports in {safe_text(str(self._folder))} {lost}."
        return index, damaged, StorageFailed(cause, "Nothing is to be done: they are fetched again.")

    @property
    def reports(self) -> tuple[KeptReport, ...]:
        """What is kept, the newest first: by when they were made, then by when they came."""
        return tuple(sorted(self._index.reports, key=lambda one: (one.made_at, one.number), reverse=True))

    def knows(self, id_: str) -> bool:
        """Whether this report is kept, or was and had to make room."""
        return id_ in self._index.dropped or any(one.id == id_ for one in self._index.reports)

    def text(self, number: int) -> str | None:
        """The Markdown of a report, safe to show; None if there is none of this number."""
        found = next((one for one in self._index.reports if one.number == number), None)
        if found is None:
            return None
        with Folder.open(self._folder) as folder:
            raw = folder.read(found.file, MOST_REPORT_BYTES * 3)
        return safe_lines(raw.decode("utf-8", "replace"))

    def put(self, entry: ReportEntry, text: str, now: datetime) -> None:
        """Keep a report that was fetched whole. It is on the disk before it is listed; others make room."""
        if not self._loaded:
            self._load()
        raw = safe_lines(text).encode()
        one = KeptReport(
            number=self._index.next_number,
            id=entry.id,
            kind=entry.kind,
            title=entry.title,
            made_at=entry.made_at,
            fetched_at=now,
            bytes=len(raw),
        )
        others = self._leaving((*self._index.reports, one), now, spare={one.number})
        index = self._changed(reports=(*self._index.reports, one), leaving=others, next_number=one.number + 1)
        with Folder.open(self._folder, create=True) as folder:
            folder.replace(one.file, raw)
            try:
                folder.replace(_INDEX, index.model_dump_json().encode())
            except StorageFailed:
                folder.remove(one.file)
                raise
            self._index = index
            self.damaged = tuple(old for old in self.damaged if old.id != one.id)
            for old in others:
                folder.remove(old.file)

    def mark(self, numbers: Collection[int], *, read: bool) -> bool:
        """Mark reports as read or unread. False if that changes nothing."""
        changed = tuple(
            one.model_validate({**dict(one), "read": read}) if one.number in numbers else one
            for one in self._index.reports
        )
        if changed == self._index.reports:
            return False
        self._save(self._changed(reports=changed))
        return True

    def expire(self, now: datetime) -> bool:
        """Drop what is too old. False if nothing is."""
        leaving = self._leaving(self._index.reports, now)
        if not leaving:
            return False
        self._save(self._changed(reports=self._index.reports, leaving=leaving))
        with Folder.open(self._folder) as folder:
            for old in leaving:
                folder.remove(old.file)
        return True

    def _save(self, index: _Index) -> None:
        with Folder.open(self._folder, create=True) as folder:
            folder.replace(_INDEX, index.model_dump_json().encode())
        self._index = index

    def _changed(
        self,
        *,
        reports: Iterable[KeptReport],
        leaving: Collection[KeptReport] = (),
        next_number: int | None = None,
    ) -> _Index:
        gone = {one.number for one in leaving}
        return _Index(
            next_number=next_number or self._index.next_number,
            reports=tuple(one for one in reports if one.number not in gone),
            dropped=(*self._index.dropped, *(one.id for one in leaving))[-_MOST_DROPPED:],
        )

    def _leaving(
        self, reports: tuple[KeptReport, ...], now: datetime, spare: Collection[int] = ()
    ) -> tuple[KeptReport, ...]:
        """What has to go: too old; then, while there is too much, the oldest of those that were read."""
        bounds = self._bounds
        oldest = now - timedelta(days=bounds.days)
        going = [one for one in reports if one.fetched_at < oldest and one.number not in spare]
        left = sorted(
            (one for one in reports if one not in going and one.number not in spare),
            key=lambda one: (not one.read, one.made_at, one.number),
        )
        staying = len(reports) - len(going)
        size = sum(one.bytes for one in reports) - sum(one.bytes for one in going)
        for one in left:
            if staying <= bounds.reports and size <= bounds.bytes:
                break
            going.append(one)
            staying, size = staying - 1, size - one.bytes
        return tuple(going)
