"""The patterns that a portal gives out: a TUF repository of static files in HOME/patterns."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from tuf.api.metadata import TargetFile, Targets

from tm_tui.atomic import Folder, opened, storage_failure, temporary_name
from tm_tui.errors import TmError
from tm_tui.patterns.pattern import MOST_PATTERN_BYTES, Pattern
from tm_tui.portal.home import PortalHome
from tm_tui.portal.pattern_lists import ROLES, PatternLists, newest_root
from tm_tui.text import safe_text

__all__ = ["Issued", "PatternRepository"]

_MOST_ROOT = 64 << 10


@dataclass(frozen=True, slots=True)
class Issued:
    """A pattern that is offered; `appliance`: to this one alone."""

    pattern: Pattern
    appliance: str | None
    bytes: int


class PatternRepository:
    """`metadata` and `targets`, to be served as they are. Several processes may use it, one at a time.

    Methods block and raise StorageFailed.
    """

    def __init__(self, home: PortalHome) -> None:
        self._home = home

    def prepare(self, now: datetime) -> None:
        """Make keys and first lists if there are none, and renew what is old."""
        with self._locked() as (metadata, keys):
            if "timestamp.json" not in metadata.names():
                PatternLists.begin(metadata, keys, now)
            PatternLists.load(metadata, keys).renew(now)

    def renew(self, now: datetime) -> bool:
        """Sign again what has lived half of its time. True if there was anything."""
        with self._locked() as (metadata, keys):
            return PatternLists.load(metadata, keys).renew(now)

    def rotate(self, roles: tuple[str, ...], now: datetime) -> int:
        """Give roles (none named: all) new keys. Returns the root's new version."""
        with self._locked() as (metadata, keys):
            return PatternLists.load(metadata, keys).rotate(roles or ROLES, now)

    def root_text(self) -> str:
        """The newest root, as it is served."""
        with Folder.open(self._home.patterns) as folder, folder.folder("metadata") as metadata:
            return metadata.read(f"{newest_root(metadata)}.root.json", _MOST_ROOT).decode()

    def listed(self) -> list[Issued]:
        """What is offered, the newest first."""
        with self._locked() as (metadata, keys):
            return _issued(PatternLists.load(metadata, keys).targets)

    def meant_for(self, number: int) -> str | None:
        """The appliance that a pattern is for; None: for all, or it is not offered."""
        return next((one.appliance for one in self.listed() if one.pattern.id == number), None)

    def issue(
        self,
        content: Path,
        *,
        kind: str,
        version: str,
        description: str,
        appliance: str | None,
        now: datetime,
    ) -> Pattern:
        """Offer a pattern under the next Pattern ID. Raises TmError when it cannot be one."""
        with self._locked() as (metadata, keys):
            lists = PatternLists.load(metadata, keys)
            number = self._next_number(metadata, lists.targets)
            about = {"id": number, "type": kind, "version": version, "description": description}
            try:
                pattern = Pattern.model_validate(about)
            except ValidationError:
                pattern = None
            # Text that is too long would be cut, and what the operator wrote must arrive whole.
            if pattern is None or pattern.description != description:
                cause = "A version has 1 to 64 characters, a description at most 500, on one line."
                raise TmError(cause, "Give others.")
            name = f"pattern-{number:09d}"  # what the operator typed is in no name
            target = self._placed(content, name)
            custom = pattern.model_dump() | ({"appliance": appliance} if appliance else {})
            target.unrecognized_fields["custom"] = custom
            lists.targets.targets[name] = target
            lists.publish("targets", now)
            metadata.replace("last-number", str(number).encode())
            return pattern

    def withdraw(self, number: int, now: datetime) -> None:
        """Offer a pattern no more; its number is not given again. Raises TmError when there is none."""
        with self._locked() as (metadata, keys):
            lists = PatternLists.load(metadata, keys)
            name = f"pattern-{number:09d}"
            gone = lists.targets.targets.pop(name, None)
            if gone is None:
                raise TmError(f"There is no pattern {number}.", "See `tm-tui portal pattern list`.")
            lists.publish("targets", now)
            (self._targets / f"{gone.hashes['sha256']}.{name}").unlink(missing_ok=True)

    @property
    def _targets(self) -> Path:
        return self._home.patterns / "targets"

    def _next_number(self, metadata: Folder, targets: Targets) -> int:
        kept = metadata.read("last-number", 32) if "last-number" in metadata.names() else b"0"
        return max([int(kept), *(one.pattern.id for one in _issued(targets))]) + 1

    def _placed(self, content: Path, name: str) -> TargetFile:
        """Copy a pattern to where it is served, whole and on the disk."""
        try:
            if not content.is_file() or content.stat().st_size > MOST_PATTERN_BYTES:
                cause = f"{safe_text(str(content))} is no file of at most {MOST_PATTERN_BYTES} bytes."
                raise TmError(cause, "Give another one.")
        except OSError as error:
            raise storage_failure(content, error) from None
        with Folder.open(self._targets, create=True) as folder:
            new = self._targets / temporary_name("target")
            try:
                shutil.copyfile(content, new)
                with opened(new, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW) as descriptor:
                    os.fchmod(descriptor, 0o600)
                    os.fsync(descriptor)
                target = TargetFile.from_file(name, str(new), ["sha256"])
            except OSError as error:
                new.unlink(missing_ok=True)
                raise storage_failure(content, error) from None
            folder.rename(new.name, f"{target.hashes['sha256']}.{name}")
            folder.sync()
        return target

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody changes anything meanwhile."""
        with self._locked():
            yield

    @contextmanager
    def _locked(self) -> Iterator[tuple[Folder, Folder]]:
        """The folders of lists and keys, for us alone."""
        with (
            Folder.open(self._home.path) as top,
            top.folder("keys", create=True) as keys,
            top.folder("patterns", create=True) as folder,
            folder.folder("metadata", create=True) as metadata,
        ):
            path = folder.path / "lock"
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except OSError as error:
                raise storage_failure(path, error) from None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield metadata, keys
            finally:
                os.close(descriptor)


def _issued(targets: Targets) -> list[Issued]:
    found = []
    for one in targets.targets.values():
        custom: Any = one.custom
        try:
            found.append(Issued(Pattern.model_validate(custom), custom.get("appliance"), one.length))
        except ValidationError:
            continue
    return sorted(found, key=lambda issued: -issued.pattern.id)
