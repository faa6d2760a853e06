"""What an SFTP session sees of the folders: uploads in progress lie here, batches where the blobs are."""

import stat
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from asyncssh import SFTPAttrs, SFTPName

from tm_tui.portal.places import Kind, Place, place_of

if TYPE_CHECKING:
    from tm_tui.portal.core import Portal

__all__ = ["attributes", "inside"]


def attributes(portal: "Portal", place: Place) -> SFTPAttrs:
    """Of a folder, an upload in progress, or a batch. Raises OSError."""
    local = portal.home.logs / place.appliance / place.name
    if place.kind is not Kind.BATCH:
        return SFTPAttrs.from_local(local.lstat())
    return _of_batch(portal.blobs.size(_name(place.appliance, place.name)), local)


def inside(portal: "Portal", place: Place, mine: Collection[str]) -> list[SFTPName]:
    """All names in a folder, with their attributes. Raises OSError."""
    folder = portal.home.logs / place.appliance
    of_folder = SFTPAttrs.from_local(folder.lstat())
    found = dict.fromkeys((".", ".."), of_folder)
    if place.kind is Kind.ROOT:
        return _named({**found, "logs": of_folder})
    shown = {}
    for path in folder.iterdir():
        if place.kind is Kind.LOGS and path.name not in mine:
            continue
        if place_of(f"/logs/{place.appliance}/{path.name}".encode()) is not None:
            shown[path.name] = SFTPAttrs.from_local(path.lstat())
    if place.kind is Kind.APPLIANCE:
        for blob in portal.blobs.list(_name(place.appliance, "")):
            name = blob.name.rpartition("/")[2]
            if place_of(f"/{blob.name}".encode()) is not None:
                shown[name] = _of_batch(blob.size, folder / name, blob.put_at)
    return _named({**found, **dict(sorted(shown.items()))})


def _name(appliance: str, name: str) -> str:
    return f"logs/{appliance}/{name}"


def _of_batch(size: int, local: Path, put_at: float | None = None) -> SFTPAttrs:
    """As the file says, where it is one."""
    try:
        return SFTPAttrs.from_local(local.lstat())
    except FileNotFoundError:
        when = None if put_at is None else int(put_at)
        return SFTPAttrs(size=size, permissions=stat.S_IFREG | 0o600, atime=when, mtime=when)


def _named(found: dict[str, SFTPAttrs]) -> list[SFTPName]:
    return [SFTPName(name.encode(), attrs=attrs) for name, attrs in found.items()]
