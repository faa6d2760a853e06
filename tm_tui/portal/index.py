"""The index of batches: what the files say, in a form that can be asked. The files are the truth."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, RowMapping, delete, select

from tm_tui.clock import moment_of
from tm_tui.portal import doomed, jobs, tables
from tm_tui.portal.batch_file import BatchName, Contents, checked_contents
from tm_tui.portal.blobs.files import FileBlobs
from tm_tui.portal.blobs.store import Blob, Blobs
from tm_tui.portal.engines import insert
from tm_tui.portal.log import PortalLog
from tm_tui.portal.refusals import Refused
from tm_tui.text import SafeText
from tm_tui.values import Moment

__all__ = ["READ", "IndexedBatch", "add", "blob_of", "catch_up", "is_swept", "listed", "named", "newest"]

READ = frozenset({"threat-event", "root-cause"})
"""Kinds of batches whose events are read."""
_OF = tables.batches.c
_AT_ONCE = 500


class IndexedBatch(BaseModel):
    """One batch. `number` grows in the order of arrival; where transactions run side by side, about so."""

    model_config = ConfigDict(frozen=True)

    number: int
    name: SafeText
    appliance: SafeText
    kind: SafeText
    events: int
    bytes: int
    received_at: Moment
    first_seq: int | None
    last_seq: int | None


def blob_of(appliance: str, name: str) -> str:
    """The name of the blob that a batch is."""
    return f"logs/{appliance}/{name}"


def add(connection: Connection, name: BatchName, contents: Contents, received_at: datetime) -> None:
    """Enter a batch, and have it read; one that is there already stays as it is.

    One that was swept while it came again is to go again.
    """
    at = received_at.timestamp()
    entry = insert(connection, tables.batches).values(
        name=name.text,
        appliance=name.appliance,
        kind=contents.kind,
        events=contents.events,
        bytes=contents.bytes,
        received_at=at,
        first_seq=contents.first_seq,
        last_seq=contents.last_seq,
    )
    entered = entry.on_conflict_do_nothing(index_elements=["name"]).returning(_OF.number)
    if connection.execute(entered).first() is None:
        if is_swept(connection, name.text):
            doomed.doom(connection, [blob_of(name.appliance, name.text)])
        return
    if contents.kind not in READ:
        return
    jobs.ask(connection, _job(name.text), "read", at, appliance=name.appliance, what=name.text)


def _job(name: str) -> str:
    return f"read/{name}"


def named(connection: Connection, name: str) -> IndexedBatch | None:
    """A batch by its name."""
    row = connection.execute(select(tables.batches).where(_OF.name == name)).mappings().first()
    return _batch(row) if row else None


def is_swept(connection: Connection, name: str) -> bool:
    """Whether a batch was here whose time is over."""
    swept = select(_OF.number).where(_OF.name == name, _OF.swept_at.is_not(None))
    return connection.execute(swept).first() is not None


def listed(
    connection: Connection, *, appliance: str | None = None, after: int = 0, most: int = 1000
) -> tuple[IndexedBatch, ...]:
    """Batches with a number above `after`, in the order of their numbers."""
    chosen = select(tables.batches).where(_OF.number > after, _OF.swept_at.is_(None))
    if appliance is not None:
        chosen = chosen.where(_OF.appliance == appliance)
    rows = connection.execute(chosen.order_by(_OF.number).limit(most)).mappings()
    return tuple(_batch(row) for row in rows)


def _batch(row: RowMapping) -> IndexedBatch:
    return IndexedBatch.model_validate({**row, "received_at": moment_of(row["received_at"])})


def newest(
    connection: Connection, before: int, most: int, appliance: str | None = None
) -> tuple[IndexedBatch, ...]:
    """Batches with a number below `before`, the newest first: of one appliance, or of all."""
    chosen = select(tables.batches).where(_OF.number < before, _OF.swept_at.is_(None))
    if appliance is not None:
        chosen = chosen.where(_OF.appliance == appliance)
    rows = connection.execute(chosen.order_by(_OF.number.desc()).limit(most)).mappings()
    return tuple(_batch(row) for row in rows)


def catch_up(connection: Connection, blobs: Blobs, log: PortalLog) -> int:
    """Enter the batches that a crash, or a lost database, left out, and drop entries without one.

    What could not be read is tried again. Returns how many entries changed. What is no whole batch stays
    where it is, and the log names it. What was swept and is there all the same is to go.
    """
    known = set(connection.execute(select(_OF.name).where(_OF.swept_at.is_(None))).scalars())
    swept = set(connection.execute(select(_OF.name).where(_OF.swept_at.is_not(None))).scalars())
    blobs_found = sorted(blobs.list("logs/"), key=lambda blob: blob.name.rpartition("/")[2])
    found = {blob.name.rpartition("/")[2]: blob for blob in blobs_found if blob.name.endswith(".ndjson.zst")}
    if isinstance(blobs, FileBlobs):
        for link in blobs.links("logs/"):
            log.say("no-batch", path=link)
    doomed.doom(connection, (found.pop(name).name for name in swept & found.keys()))
    gone = sorted(known - found.keys())
    for start in range(0, len(gone), _AT_ONCE):
        some = gone[start : start + _AT_ONCE]
        connection.execute(delete(tables.batches).where(_OF.name.in_(some), _OF.swept_at.is_(None)))
        jobs.withdraw(connection, *(_job(name) for name in some))
    entered = [name for name in found if name not in known and _enter(connection, blobs, found[name], log)]
    jobs.not_after(connection, "read", 0.0)
    return len(gone) + len(entered)


def _enter(connection: Connection, blobs: Blobs, blob: Blob, log: PortalLog) -> bool:
    *folder, text = blob.name.split("/")
    name = BatchName.parse(text)
    if name is None or folder != ["logs", name.appliance]:
        log.say("no-batch", path=blob.name)
        return False
    try:
        with blobs.open(blob.name) as file:
            contents = checked_contents(file, name)
    except (Refused, OSError) as error:
        log.say("damaged-batch", path=blob.name, cause=str(error))
        return False
    add(connection, name, contents, moment_of(blob.put_at))
    return True
