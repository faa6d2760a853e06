"""Log server over SSH: an SFTP folder into which batches can be written, and nothing else."""

import asyncio
import contextlib
import os
import posixpath
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import asyncssh
from asyncssh import (
    SFTPAttrs,
    SFTPFailure,
    SFTPName,
    SFTPNoSuchFile,
    SFTPOpUnsupported,
    SFTPPermissionDenied,
)
from sqlalchemy import Connection

from tm_tui.portal import appliances
from tm_tui.portal.batch_file import MOST_BYTES, BatchName
from tm_tui.portal.batches import AlreadyThere
from tm_tui.portal.blobs.store import BlobsFailed
from tm_tui.portal.places import Kind, Place, place_of
from tm_tui.portal.refusals import Refused, storage_refused
from tm_tui.portal.sftp_listing import attributes, inside
from tm_tui.portal.sftp_uploads import Upload, opened

if TYPE_CHECKING:
    from tm_tui.portal.core import Portal

__all__ = ["LogFolder"]

_MOST_PROBE_BYTES = 4096
_MOST_OPEN = 32


def _said(refused: Refused) -> asyncssh.SFTPError:
    denied = refused.status == 403
    text = f"{refused.cause} {refused.remedy}"
    return SFTPPermissionDenied(text) if denied else SFTPFailure(text)


class LogFolder(asyncssh.SFTPServer):
    """One SFTP session (version 3). Paths are read by `place_of`; there are no links and no other files."""

    def __init__(
        self,
        channel: "asyncssh.SSHServerChannel[bytes]",
        portal: "Portal",
        used: Callable[[], None],
        source: str,
    ) -> None:
        super().__init__(channel)
        self._portal = portal
        self._used = used
        self._open = 0
        self._probes: dict[Path, Upload] = {}
        self._source = source
        self._account = str(channel.get_connection().get_extra_info("username"))

    def _place(self, path: bytes) -> Place:
        self._used()
        place = place_of(path)
        if place is None:
            raise SFTPNoSuchFile("There is nothing of this name here.")
        return place

    def _local(self, place: Place) -> Path:
        return self._portal.home.logs / place.appliance / place.name

    def _deny(self, text: str) -> NoReturn:
        self._portal.log.refuse("refused", self._source, server="ssh", account=self._account, cause=text)
        raise SFTPPermissionDenied(text)

    async def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> Upload:  # noqa: ARG002 # modes are ours
        """Open a `.part` file, or a probe."""
        place = self._place(path)
        if place.kind not in {Kind.PART, Kind.PROBE}:
            self._deny("Only a batch's .part file can be opened here.")
        if self._open >= _MOST_OPEN:
            raise SFTPFailure(f"At most {_MOST_OPEN} files can be open.")
        if place.kind is Kind.PROBE:
            await self._check_owner_of(place)
            self._local(place).parent.stat()  # one look, whether the folder is there
            upload = self._new_probe(self._local(place))
        else:
            await self._check_sender(place.appliance)
            upload = await asyncio.to_thread(opened, self._local(place), pflags, self._portal.batches.aside())
        self._open += 1
        return upload

    def _new_probe(self, path: Path) -> Upload:
        """A file in memory, which this session sees until it removes it or ends."""
        if len(self._probes) >= _MOST_OPEN:
            raise SFTPFailure(f"At most {_MOST_OPEN} probes can be made.")
        self._forget_probe(path)
        self._probes[path] = upload = Upload(os.memfd_create("probe", os.MFD_CLOEXEC), "r+b")
        return upload

    def _forget_probe(self, path: Path) -> None:
        if probe := self._probes.pop(path, None):
            probe.close()

    def exit(self) -> None:
        """End the session."""
        for path in tuple(self._probes):
            self._forget_probe(path)

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write all of `data`; a part of it on a disk that runs full is a failure, not a success."""
        assert isinstance(file_obj, Upload)  # noqa: S101 # `open` makes no other
        self._used()
        self._check_owner(file_obj)
        most = _MOST_PROBE_BYTES if file_obj.path is None else MOST_BYTES
        if offset + len(data) > most:
            raise SFTPFailure(f"A {'probe' if file_obj.path is None else 'batch'} has at most {most} bytes.")
        file_obj.seek(offset)
        view = memoryview(data)
        while view:
            view = view[file_obj.write(view) or 0 :]
        return len(data)

    def _check_owner(self, upload: Upload) -> None:
        if not upload.ours:
            raise SFTPFailure("Another session has taken over this upload.")

    def close(self, file_obj: object) -> None:
        """Close a file; what was written stays for a later session to go on with."""
        assert isinstance(file_obj, Upload)  # noqa: S101 # `open` makes no other
        self._open -= 1
        if file_obj.path is not None:
            file_obj.close()

    async def fsync(self, file_obj: object) -> None:
        """Bring a file to the disk, without keeping everybody else waiting."""
        assert isinstance(file_obj, Upload)  # noqa: S101 # `open` makes no other
        await asyncio.to_thread(os.fsync, file_obj.fileno())

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Check a whole upload and give it its name. Both kinds of rename do this; nothing is overwritten."""
        old, new = self._place(oldpath), self._place(newpath)
        if old.kind is new.kind is Kind.PROBE:
            return self._rename_probe(self._local(old), self._local(new))
        if (
            old.kind is not Kind.PART
            or new.kind is not Kind.BATCH
            or old.batch != new.batch
            or new.batch is None
        ):
            self._deny("A .part file can only get the name of its batch.")
        await self._check_sender(new.appliance)
        return await self._settle(self._local(old), new.batch)

    posix_rename = rename

    def _rename_probe(self, old: Path, new: Path) -> None:
        if old not in self._probes:
            raise SFTPNoSuchFile("There is no such probe.")
        probe = self._probes.pop(old)
        self._forget_probe(new)
        self._probes[new] = probe

    async def _settle(self, part: Path, name: BatchName) -> None:
        aside = self._portal.batches.aside()
        part.rename(aside)  # noqa: ASYNC240 # at once, or a second rename could find it
        try:
            with self._told(batch=name.text):
                await self._settled(aside, part, name)
        finally:
            aside.unlink(missing_ok=True)

    async def _settled(self, aside: Path, part: Path, name: BatchName) -> None:
        try:
            try:
                contents = await self._portal.batches.settle(aside, name)
            except AlreadyThere:
                self._log_batch(name, "exists")
                await self._portal.batches.enter(name)
            else:
                self._log_batch(name, "received", contents.events)
        except (Refused, BlobsFailed) as error:
            if not isinstance(error, Refused) or error.status >= 500:  # it may be renamed again
                with contextlib.suppress(FileExistsError, FileNotFoundError):
                    os.link(aside, part)
            raise

    @contextlib.contextmanager
    def _told(self, **more: str) -> Iterator[None]:
        """A refusal, and what the store of batches fails of, in words. Raises SFTPError."""
        try:
            yield
        except (Refused, BlobsFailed) as error:
            refused = error if isinstance(error, Refused) else storage_refused(error)
            fields = {"server": "ssh", "account": self._account, **more, "cause": refused.cause}
            self._portal.log.refuse("refused", self._source, **fields)
            raise _said(refused) from None

    def _log_batch(self, name: BatchName, outcome: str, events: int | None = None) -> None:
        fields = {"account": self._account, "batch": name.text, "events": events}
        self._portal.log.say(outcome, server="ssh", source=self._source, **fields)

    async def _check_sender(self, appliance: str) -> None:
        await self._checked(appliances.check_sender, appliance)

    async def _check_owner_of(self, place: Place) -> None:
        """Other accounts' folders are closed; root, `logs` and those of nobody are open."""
        if place.appliance:
            await self._checked(appliances.check_owner, place.appliance)

    async def _checked(self, check: Callable[[Connection, str, str], None], appliance: str) -> None:
        with self._told():
            await self._portal.database.read(check, appliance, self._account)

    async def remove(self, path: bytes) -> None:
        """Remove an unfinished upload, or a probe. Batches stay."""
        place = self._place(path)
        await self._check_owner_of(place)
        if self._local(place) in self._probes:
            return self._forget_probe(self._local(place))
        if place.kind not in {Kind.PART, Kind.PROBE}:
            self._deny("Only a .part file can be removed.")
        return self._local(place).unlink()

    async def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:  # noqa: ARG002 # modes are ours
        """Make an appliance's folder; one that is there is as good."""
        await self._check_owner_of(self._place(path))
        if self._place(path).kind not in {Kind.ROOT, Kind.LOGS, Kind.APPLIANCE}:
            self._deny("Only logs/<appliance> can be made here.")
        self._local(self._place(path)).mkdir(mode=0o700, exist_ok=True)

    def realpath(self, path: bytes) -> bytes:
        """Normalise a path, without a look at the disk."""
        return posixpath.normpath(posixpath.join(b"/", path))

    async def stat(self, path: bytes) -> os.stat_result | SFTPAttrs:
        """Attributes; there are no links to follow."""
        place = self._place(path)
        await self._check_owner_of(place)
        probe = self._probes.get(self._local(place))
        if probe is not None:
            return os.fstat(probe.fileno())
        with self._told():
            return await asyncio.to_thread(attributes, self._portal, place)

    lstat = stat

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        """List a folder: the root, `logs` with the account's appliances, or one of these."""
        place = self._place(path)
        await self._check_owner_of(place)
        with self._told():
            mine = await self._portal.database.read(appliances.owned, self._account)
            found = await asyncio.to_thread(inside, self._portal, place, mine)
        for name in found:
            yield name

    def statvfs(self, path: bytes) -> os.statvfs_result:
        """How much room there is."""
        self._place(path)
        return os.statvfs(self._portal.home.logs)

    def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """Take the size, which a resumed upload may shorten; owner, mode and times are ours."""
        assert isinstance(file_obj, Upload)  # noqa: S101 # `open` makes no other
        if attrs.size is None:
            return
        self._check_owner(file_obj)
        if attrs.size > os.fstat(file_obj.fileno()).st_size:
            raise SFTPFailure("A file grows by writing only.")
        file_obj.truncate(attrs.size)

    def map_path(self, path: bytes) -> NoReturn:  # noqa: ARG002 # no path is good enough
        """End what this class does not do itself: the library's own way to a file begins here."""
        raise SFTPOpUnsupported("This folder only takes batches.")
