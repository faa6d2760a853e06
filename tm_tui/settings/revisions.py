"""The folder of all revisions: which there are, which counts, how one comes in, what killed saves left."""

import re
from contextlib import suppress
from dataclasses import dataclass

from tm_tui.atomic import Folder, StorageAbsent, temporary_name
from tm_tui.errors import StorageFailed, TmError
from tm_tui.settings.revision import NO_REVISION, Revision, read_revision, write_revision

__all__ = ["Loaded", "commit", "in_force", "numbers", "read_number", "sweep"]

_NUMBER = re.compile(r"[0-9]{6,12}")
_CURRENT = re.compile(r"revisions/([0-9]{6,12})")
_LEFTOVER = re.compile(r"\.new-[0-9a-f]{16}")
_LEFTOVER_LINK = re.compile(r"\.new-(?:current|trial\.json|rollback\.json)-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The revision in force. `problem` says why it is not the one that should be."""

    revision: Revision
    problem: TmError | None = None
    next_number: int = 1
    """The number after every revision that there is or that `current` names."""


def sweep(config: Folder) -> None:
    """Remove what killed saves left: only names that a save makes. The lock must be held."""
    for name in filter(_LEFTOVER_LINK.fullmatch, config.names()):
        config.remove(name)
    try:
        with config.folder("revisions") as revisions:
            for name in filter(_LEFTOVER.fullmatch, revisions.names()):
                revisions.remove(name)
    except StorageAbsent:
        return


def numbers(config: Folder) -> tuple[int, ...]:
    """The numbers of all revisions, damaged ones too, ascending."""
    try:
        with config.folder("revisions") as revisions:
            return tuple(sorted(int(name) for name in revisions.names() if _NUMBER.fullmatch(name)))
    except StorageAbsent:
        return ()


def read_number(config: Folder, number: int, *, with_secrets: bool = True) -> Revision:
    """Read one revision. Raises StorageFailed, StorageAbsent if there is none of this number."""
    with config.folder("revisions") as revisions, revisions.folder(f"{number:06}") as folder:
        return read_revision(folder, number, with_secrets=with_secrets)


def _current(config: Folder) -> tuple[int | None, StorageFailed | None]:
    """The number that `current` leads to, or what is wrong with the link. Both None: there is no link."""
    try:
        target = config.target("current")
    except StorageFailed as problem:
        return None, problem
    if target is None:
        return None, None
    match = _CURRENT.fullmatch(target)
    if match is None:
        shown = config.path / "current"
        return None, StorageFailed(f"{shown} does not lead to a revision.", "Save the settings again.")
    return int(match[1]), None


def in_force(config: Folder) -> Loaded:
    """Find the newest whole revision, from the one that `current` names backwards."""
    named, problem = _current(config)
    there = numbers(config)
    next_number = max((*there, named or 0)) + 1
    found = [number for number in reversed(there) if named is None or number < named]
    first: TmError | None = problem
    for number in found if named is None else [named, *found]:
        try:
            revision = read_number(config, number)
        except StorageFailed as failure:
            first = first or failure
        else:
            return Loaded(revision, first and _explained(first, revision.number), next_number)
    return Loaded(NO_REVISION, first and _explained(first, 0), next_number)


def _explained(problem: TmError, number: int) -> StorageFailed:
    instead = f"Revision {number} is" if number else "The defaults are"
    return StorageFailed(f"{problem.cause} {instead} in force instead.", problem.remedy)


def commit(config: Folder, revision: Revision) -> None:
    """Write a revision and let `current` lead to it. The lock must be held.

    On StorageFailed what was in force before still is; where the disk does not even take that back, the new
    one is: `in_force` tells.
    """
    name, new, link = f"{revision.number:06}", temporary_name(), temporary_name("current")
    before, target = _target(config), f"revisions/{name}"
    with config.folder("revisions", create=True) as revisions:
        try:
            with revisions.folder(new, create=True) as folder:
                write_revision(folder, revision)
            config.link(link, target)
            revisions.rename(new, name)
            revisions.sync()
            config.rename(link, "current")
            config.sync()
        except StorageFailed:
            config.remove(link)
            if _target(config) == target:
                _put_back(config, before)
            if _target(config) != target:
                for leftover in (new, name):
                    revisions.remove(leftover)
            raise


def _target(config: Folder) -> str | None:
    """Where `current` leads; None when it leads nowhere."""
    with suppress(StorageFailed):
        return config.target("current")
    return None


def _put_back(config: Folder, before: str | None) -> None:
    """Let `current` lead where it led before, as far as this disk still does anything."""
    if before is None:
        config.remove("current")
        return
    link = temporary_name("current")
    with suppress(StorageFailed):
        config.link(link, before)
        config.rename(link, "current")
        config.sync()
