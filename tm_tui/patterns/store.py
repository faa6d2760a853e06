"""The patterns that are here whole: one file of content and one that describes it, by Pattern ID."""

import hashlib
import os
import re
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from tm_tui.atomic import Folder, opened, storage_failure, temporary_name
from tm_tui.patterns.pattern import Offered, Pattern
from tm_tui.values import Moment

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
    """Patterns in `folder`. `patterns` is replaced, never altered; methods block and raise StorageFailed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.patterns: dict[int, StoredPattern] = {}

    def load(self) -> None:
        """Read what is there, and sweep what a crash left; a description that is damaged counts as absent."""
        found: dict[int, StoredPattern] = {}
        with Folder.open(self.folder, create=True) as folder:
            names = folder.names()
            for name in names:
                if match := _ABOUT.fullmatch(name):
                    pattern = _described(folder.read(name, _MOST_ABOUT))
                    if pattern is not None and pattern.id == int(match[1]) and pattern.content in names:
                        found[pattern.id] = pattern
            kept = {pattern.content for pattern in found.values()}
            for name in names:
                if name.startswith(".new-") or (_CONTENT.fullmatch(name) and name not in kept):
                    folder.remove(name)
        self.patterns = found

    def temporary(self) -> Path:
        """Where to put a pattern that is not whole yet."""
        return self.folder / temporary_name("pattern")

    def keep(self, offered: Offered, whole: Path, now: datetime) -> StoredPattern:
        """File a verified pattern. One of the same id is replaced when the new one is on the disk."""
        with Folder.open(self.folder) as folder:
            pattern = StoredPattern(
                **offered.pattern.model_dump(),
                length=offered.length,
                hashes=offered.hashes,
                sha256=_to_disk(whole),
                received_at=now,
            )
            before = self.patterns.get(pattern.id)
            folder.rename(whole.name, pattern.content)
            self._describe(folder, pattern)
            if before is not None and before.content != pattern.content:
                folder.remove(before.content)
        self.patterns = {**self.patterns, pattern.id: pattern}
        return pattern

    def deployed(self, number: int, now: datetime) -> None:
        """Note that a pattern was deployed for the first time, if it was."""
        pattern = self.patterns.get(number)
        if pattern is None or pattern.deployed_at is not None:
            return
        noted = StoredPattern(**{**pattern.model_dump(), "deployed_at": now})
        with Folder.open(self.folder) as folder:
            self._describe(folder, noted)
        self.patterns = {**self.patterns, number: noted}

    def drop(self, numbers: Collection[int]) -> None:
        """Remove patterns; the description goes first."""
        with Folder.open(self.folder) as folder:
            for number in numbers:
                pattern = self.patterns[number]
                folder.remove(_about(pattern))
                folder.remove(pattern.content)
        self.patterns = {one: kept for one, kept in self.patterns.items() if one not in numbers}

    def checked(self, number: int) -> tuple[StoredPattern, Path] | None:
        """A pattern and its file, compared with its hash; None if it is absent, or damaged (then dropped)."""
        pattern = self.patterns.get(number)
        if pattern is None:
            return None
        path = self.folder / pattern.content
        if path.exists() and _sha256(path) == pattern.sha256:
            return pattern, path
        self.drop([number])
        return None

    def _describe(self, folder: Folder, pattern: StoredPattern) -> None:
        folder.replace(_about(pattern), pattern.model_dump_json().encode())


def _about(pattern: Pattern) -> str:
    return f"{pattern.id:09d}.json"


def _described(data: bytes) -> StoredPattern | None:
    try:
        return StoredPattern.model_validate_json(data)
    except ValidationError:
        return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise storage_failure(path, error) from None
    return digest.hexdigest()


def _to_disk(path: Path) -> str:
    """Bring a finished file to the disk; its SHA-256."""
    try:
        with opened(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW) as descriptor:
            os.fchmod(descriptor, 0o600)
            os.fsync(descriptor)
    except OSError as error:
        raise storage_failure(path, error) from None
    return _sha256(path)
