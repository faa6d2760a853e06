"""All cases of this appliance: a folder each, with the record and, until it has arrived, the packed file.

A record says what was chosen, what was packed, where it is, and what became of it.
"""

import asyncio
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tm_tui.atomic import Folder
from tm_tui.cases.protocol import CaseStatus
from tm_tui.errors import StorageFailed, TmError
from tm_tui.tasks import unbroken
from tm_tui.text import SafeText, path_of, safe_text
from tm_tui.values import Count, Moment, wrong_in

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_NOTES", "CaseBook", "Record", "State"]

State = Literal["packing", "waiting", "submitted", "cancelled", "failed"]

MOST_NOTES = 20

_MOST_FINISHED = 100
_MOST_RECORD = 1 << 20
_NUMBER = re.compile(r"[0-9]{1,12}")
_RECORD, _PACK = "record.json", "pack"


class Record(BaseModel):
    """The state on the disk. `cancelled` with a location: the server has to be told yet."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    number: int = Field(ge=1)
    key: str
    """The appliance's own name for it: a repeated creation finds the first upload."""
    state: State = "packing"
    created_at: Moment
    submitted_by: SafeText
    sources: tuple[str, ...]
    inbox: bool = False
    """Whether what was packed leaves the inbox: all of it, or the files that `sources` name there."""
    form: Literal["tar.zst", "zip"] = "tar.zst"
    endpoint: SafeText
    threat: SafeText = ""
    description: SafeText = ""
    files: Count = 0
    bytes: Count = 0
    packed_bytes: Count = 0
    sha256: SafeText = ""
    notes: tuple[SafeText, ...] = ()
    notes_more: Count = 0
    server: str = ""
    """`host:port` of the status server that `location` is at."""
    location: str = ""
    case_id: SafeText = ""
    status: CaseStatus | None = None
    received_at: Moment | None = None
    updated_at: Moment | None = None
    pattern_id: SafeText = ""
    cause: SafeText = ""
    remedy: SafeText = ""

    def changed(self, **changes: Any) -> Self:
        """The same with other values, checked like any."""
        return type(self).model_validate({**self.model_dump(), **changes})

    @property
    def paths(self) -> tuple[Path, ...]:
        """What was chosen."""
        return tuple(path_of(source) for source in self.sources)

    @property
    def upload(self) -> str:
        """The last part of its address at the server."""
        return self.location.rstrip("/").rpartition("/")[2]

    @property
    def open(self) -> bool:
        """Whether something is left to do for it here."""
        return self.state in {"packing", "waiting"} or (self.state == "cancelled" and bool(self.location))


class CaseBook:
    """The records by number. Changes are on the disk before they count."""

    def __init__(self, folder: Path, records: dict[int, Record], damaged: dict[int, str]) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        """Files dropped here by root or the agent's user can be submitted without naming them."""
        self.damaged = damaged
        """Cases whose record cannot be read, by number, with the cause: they are left alone."""
        self.changes = 0
        """Grows whenever the list looks different."""
        self.changed: Callable[[], None] = lambda: None
        self._records = records
        self._writing = asyncio.Lock()
        self._waiters = asyncio.Event()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what is there; what cannot be read stays where it is and is told. Raises StorageFailed."""
        records: dict[int, Record] = {}
        damaged: dict[int, str] = {}
        with Folder.open(folder, create=True) as top:
            with top.folder("inbox", create=True):
                pass
            for name in top.names():
                if not _NUMBER.fullmatch(name):
                    continue
                try:
                    with top.folder(name) as own:
                        record = Record.model_validate_json(own.read(_RECORD, _MOST_RECORD))
                        if record.number != int(name):
                            raise StorageFailed(f"It is the record of case {record.number}.", "")  # noqa: TRY301
                except (StorageFailed, ValidationError) as error:
                    if _is_empty(folder / name):  # a crash right after it was made
                        top.remove(name)
                    else:
                        damaged[int(name)] = _why(error)
                else:
                    records[record.number] = record
        return cls(folder, records, damaged)

    # --- to look at

    def records(self) -> tuple[Record, ...]:
        """All of them, the newest first."""
        return tuple(self._records[number] for number in sorted(self._records, reverse=True))

    def get(self, number: int) -> Record:
        """One of them. Raises TmError when there is none."""
        record = self._records.get(number)
        if record is None:
            raise TmError(f"There is no case {number}.", "`tm-tui case list` shows those there are.")
        return record

    def state_of(self, number: int) -> State | None:
        """How it stands with one; None when it is forgotten, as old ones that are over are."""
        record = self._records.get(number)
        return None if record is None else record.state

    def pack_of(self, record: Record) -> Path:
        """Its packed file."""
        return self.folder / f"{record.number:06d}" / _PACK

    def news(self) -> asyncio.Event:
        """Set at the next change: take it, look, then wait for it."""
        return self._waiters

    def announce(self) -> None:
        """Something is new: who waits looks again."""
        event, self._waiters = self._waiters, asyncio.Event()
        event.set()
        self.changed()

    # --- to change

    async def add(self, **values: Any) -> Record:
        """Enter a new case, whole even if the caller is cancelled. Raises StorageFailed."""
        return await unbroken(self._add(values))

    async def _add(self, values: dict[str, Any]) -> Record:
        async with self._writing:
            taken = [int(path.name) for path in await asyncio.to_thread(_folders, self.folder)]
            number = max([*taken, *self._records], default=0) + 1
            record = Record(number=number, key=secrets.token_hex(16), **values)
            await asyncio.to_thread(self._put, record)
            self._told(record)
            await self._prune()
        return record

    async def change(self, number: int, *, only_in: tuple[State, ...] = (), **changes: Any) -> Record:
        """Change a record; the file of a case that needs it no more goes. Returns how it is then.

        `only_in` names the states in which the change counts: in another one, which somebody else gave it
        meanwhile, the record stays as it is. Raises StorageFailed, TmError.
        """
        return await unbroken(self._change(number, only_in, changes))

    async def _change(self, number: int, only_in: tuple[State, ...], changes: dict[str, Any]) -> Record:
        async with self._writing:
            before = self.get(number)
            record = before.changed(**changes)
            if record == before or (only_in and before.state not in only_in):
                return before
            await asyncio.to_thread(self._put, record)
            self._told(record)
            if record.state not in {"packing", "waiting"}:
                with suppress(OSError):
                    await asyncio.to_thread(self.pack_of(record).unlink, missing_ok=True)
        return record

    def _told(self, record: Record) -> None:
        self._records[record.number] = record
        self.changes += 1
        self.announce()

    def _put(self, record: Record) -> None:
        with Folder.open(self.folder) as top, top.folder(f"{record.number:06d}", create=True) as own:
            own.replace(_RECORD, record.model_dump_json().encode())
            top.sync()

    async def _prune(self) -> None:
        """Forget the oldest of what is over."""
        over = [record for record in self.records() if not record.open][_MOST_FINISHED:]
        for record in over:
            await asyncio.to_thread(self._forget, record)
            del self._records[record.number]

    def _forget(self, record: Record) -> None:
        with Folder.open(self.folder) as top:
            top.remove(f"{record.number:06d}")


def _why(error: StorageFailed | ValidationError) -> str:
    return safe_text(wrong_in(error) if isinstance(error, ValidationError) else error.cause)


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _NUMBER.fullmatch(path.name)]


def _is_empty(folder: Path) -> bool:
    with suppress(OSError):
        return all(name.startswith(".new-") for name in os.listdir(folder))  # noqa: PTH208  names are all we need
    return False
