"""The patterns that are here whole: one file of content and one that describes it, by Pattern ID."""

import errno
import hashlib
import re
import stat
import threading
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from tm_tui.atomic import Folder, storage_failure, temporary_name
from tm_tui.errors import StorageFailed
from tm_tui.patterns.pattern import Offered, Pattern
from tm_tui.text import safe_text
from tm_tui.values import Moment, wrong_in

__all__ = ["PatternStore", "StoredPattern"]

_ABOUT = re.compile(r"([0-9]{9})\.json")
_CONTENT = re.compile(r"[0-9]{9}-[0-9a-f]{16}\.pattern")
_MOST_ABOUT = 64 << 10
_PIECE = 1 << 20


class StoredPattern(Pattern):
    """A pattern on this appliance. `hashes` are those of the signed list, `sha256` is that of the file."""

    length: Annotated[int, Field(ge=0)]
    hashes: tuple[tuple[str, str], ...]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")]
    received_at: Moment
    deployed_at: Moment | None = None
    """When it was deployed for the first time."""

    def is_one_of(self, offered: Offered) -> bool:
        """Whether this is the content and the description that the list offers."""
        same = (self.length, self.hashes) == (offered.length, offered.hashes)
        told = Pattern(id=self.id, type=self.type, version=self.version, description=self.description)
        return same and told == offered.pattern

    @property
    def content(self) -> str:
        """The name of the file that holds it."""
        return f"{self.id:09d}-{self.sha256[:16]}.pattern"


class PatternStore:
    """Patterns in `folder`, for several threads. Methods block and raise StorageFailed.

    `patterns` is replaced, never altered. What is known of a pattern outlives its file: when that is damaged,
    the same one may come again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.patterns: dict[int, StoredPattern] = {}
        self._lost: dict[int, StoredPattern] = {}
        """Those whose file was damaged or is gone."""
        self.damaged: dict[int, str] = {}
        """Those whose description cannot be read, with the cause, until they are fetched again."""
        self._verified: dict[int, tuple[int, ...]] = {}
        """Which file was compared with its hash, by its identity, size and time."""
        self._guard = threading.RLock()

    def load(self) -> None:
        """Read what is there, and sweep what a crash left; a description that is damaged counts as absent."""
        found: dict[int, StoredPattern] = {}
        lost: dict[int, StoredPattern] = {}
        damaged: dict[int, str] = {}
        with self._guard, Folder.open(self.folder, create=True) as folder:
            names = folder.names()
            for name in names:
                if match := _ABOUT.fullmatch(name):
                    pattern = _described(folder, name, int(match[1]))
                    if isinstance(pattern, str):
                        damaged[int(match[1])] = pattern
                    else:
                        whole = pattern.content in names and self._has_its_size(pattern)
                        (found if whole else lost)[pattern.id] = pattern
            kept = {pattern.content for pattern in found.values()}
            for name in names:
                if name.startswith(".new-") or (_CONTENT.fullmatch(name) and name not in kept):
                    folder.remove(name)
            self.patterns, self._lost, self.damaged = found, lost, damaged

    def verify(self) -> None:
        """Compare each file that was not compared yet with its hash; damaged ones are lost."""
        for pattern in tuple(self.patterns.values()):
            self.checked(pattern.id, again=False)

    def numbers(self) -> frozenset[int]:
        """All that something is known of, those too whose file was lost."""
        return frozenset(self.patterns) | frozenset(self._lost)

    def temporary(self) -> Path:
        """Where to put a pattern that is not whole yet."""
        return self.folder / temporary_name("pattern")

    def keep(self, offered: Offered, whole: Path, now: datetime) -> StoredPattern:
        """File a verified pattern. One of the same id is replaced when the new one is on the disk."""
        with self._guard, Folder.open(self.folder) as folder:
            folder.settle(whole.name)
            before, lost = self.patterns.get(offered.pattern.id), self._lost.get(offered.pattern.id)
            same = lost is not None and lost.is_one_of(offered)
            pattern = StoredPattern(
                **offered.pattern.model_dump(),
                length=offered.length,
                hashes=offered.hashes,
                sha256=_sha256(whole),
                received_at=now,
                deployed_at=lost.deployed_at if lost is not None and same else None,
            )
            folder.rename(whole.name, pattern.content)
            self._describe(folder, pattern)
            if before is not None and before.content != pattern.content:
                folder.remove(before.content)
            self.patterns = {**self.patterns, pattern.id: pattern}
            self._lost.pop(pattern.id, None)
            self.damaged.pop(pattern.id, None)
        return pattern

    def deployed(self, number: int, now: datetime) -> None:
        """Note that a pattern was deployed for the first time, if it was."""
        with self._guard:
            pattern = self.patterns.get(number)
            if pattern is None or pattern.deployed_at is not None:
                return
            noted = StoredPattern(**{**pattern.model_dump(), "deployed_at": now})
            with Folder.open(self.folder) as folder:
                self._describe(folder, noted)
            self.patterns = {**self.patterns, number: noted}

    def drop(self, numbers: Collection[int]) -> None:
        """Remove patterns; the description goes first."""
        with self._guard, Folder.open(self.folder) as folder:
            for number in numbers:
                pattern = self.patterns.get(number) or self._lost.pop(number)
                folder.remove(_about(pattern))
                folder.remove(pattern.content)
            self.patterns = {one: kept for one, kept in self.patterns.items() if one not in numbers}

    def checked(self, number: int, *, again: bool = True) -> tuple[StoredPattern, Path] | None:
        """A pattern and its file, compared with its hash; None if it is absent, or damaged (then lost).

        Not `again`: a file that was compared since the start, and is as it was then, is believed.
        """
        pattern = self.patterns.get(number)
        if pattern is None:
            return None
        path = self.folder / pattern.content
        file = _identity(path)
        if file is not None:
            if not again and self._verified.get(number) == file:
                return pattern, path
            if _sha256(path) == pattern.sha256:
                self._verified[number] = file
                return pattern, path
        self._lose(pattern)
        return None

    def _lose(self, pattern: StoredPattern) -> None:
        """Its file is not what it was: out with it. What is known of it stays."""
        with self._guard, Folder.open(self.folder) as folder:
            if self.patterns.get(pattern.id) != pattern:  # another one came meanwhile
                return
            folder.remove(pattern.content)
            self.patterns = {one: kept for one, kept in self.patterns.items() if one != pattern.id}
            self._lost[pattern.id] = pattern

    def _has_its_size(self, pattern: StoredPattern) -> bool:
        file = _identity(self.folder / pattern.content)
        return file is not None and file[0] == pattern.length

    def _describe(self, folder: Folder, pattern: StoredPattern) -> None:
        folder.replace(_about(pattern), pattern.model_dump_json().encode())


def _about(pattern: Pattern) -> str:
    return f"{pattern.id:09d}.json"


def _described(folder: Folder, name: str, number: int) -> StoredPattern | str:
    """The pattern of a description, or why it cannot be read."""
    try:
        pattern = StoredPattern.model_validate_json(folder.read(name, _MOST_ABOUT))
    except ValidationError as error:
        return safe_text(wrong_in(error))
    except StorageFailed as problem:
        return problem.cause
    return pattern if pattern.id == number else f"It is the description of pattern {pattern.id}."


def _identity(path: Path) -> tuple[int, ...] | None:
    """Size, time and place of a plain file; None if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _sha256(path: Path) -> str:
    """The digest of what can be read of it: a disk that reports an error has damaged it."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        if error.errno != errno.EIO:
            raise storage_failure(path, error) from None
    return digest.hexdigest()
