"""Where a portal keeps things: one private folder for keys, accounts, products and what it received."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tm_tui.atomic import Folder, storage_failure
from tm_tui.errors import StorageFailed
from tm_tui.text import safe_text

__all__ = ["PortalHome"]

_ABANDONED_AFTER = 7 * 86400
"""Seconds after which an upload that nobody went on with is swept."""


_UNFINISHED_AFTER = 86400
"""Seconds after which nobody is writing an upload over SSL any more."""


@dataclass(frozen=True, slots=True)
class PortalHome:
    """The places below one folder. Batches lie in `logs/<appliance>/<batch>`, the rest is private."""

    path: Path

    @property
    def database(self) -> Path:
        """Accounts, products, notices and the index of batches (SQLite)."""
        return self.path / "portal.sqlite3"

    @property
    def logs(self) -> Path:
        """One folder an appliance; what the SFTP jail shows."""
        return self.path / "logs"

    @property
    def incoming(self) -> Path:
        """Uploads over SSL in progress. Swept at each start."""
        return self.path / "incoming"

    @property
    def patterns(self) -> Path:
        """The patterns that are given out, with their signed lists; served as they are."""
        return self.path / "patterns"

    @property
    def cases(self) -> Path:
        """Cases by their Case ID, and uploads of them in progress."""
        return self.path / "cases"

    @property
    def ca_file(self) -> Path:
        """The authority's certificate (PEM), for `trust.ca_file` of the appliances."""
        return self.path / "ca.pem"

    @property
    def password_file(self) -> Path:
        """The password of the account that the first start made, in plain text for the lab's operator."""
        return self.path / "password"

    def password_file_of(self, role: str) -> Path:
        """The same for the account of a role: `appliance`, or `operator`."""
        return self.password_file if role == "appliance" else self.path / "operator-password"

    def prepare(self) -> None:
        """Make the folders (0700). Raises StorageFailed when others may write to them."""
        with Folder.open(self.path, create=True) as home:
            for name in ("logs", "incoming", "keys", "cases"):
                with home.folder(name, create=True):
                    pass

    @contextmanager
    def claimed(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the home for one running portal, or for several that share it.

        Raises StorageFailed when another one has it.
        """
        try:
            descriptor = os.open(
                self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            raise storage_failure(self.path / "lock", error) from None
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            shown = safe_text(str(self.path))
            raise StorageFailed(
                f"Another portal runs on {shown}.", "End it first, or give this one a home of its own."
            ) from None
        finally:
            os.close(descriptor)

    @contextmanager
    def only_one(self, name: str) -> Iterator[bool]:
        """Whether no other process does what `name` says. So it stays for the block, or until it dies."""
        path = self.path / f"{name}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise storage_failure(path, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = True
        except BlockingIOError:
            mine = False
        try:
            yield mine
        finally:
            os.close(descriptor)

    @property
    def turns(self) -> Path:
        """What processes lock of what they work on (`turns`): empty, whatever happens."""
        return self.path / "turns.lock"

    def sweep(self, *, shared: bool = False) -> None:
        """Remove what a crash left: uploads over SSL, and abandoned ones over SSH. Raises StorageFailed.

        Where the home is `shared`, what is young may be another process's.
        """
        oldest = time.time() - _ABANDONED_AFTER
        unfinished = time.time() - _UNFINISHED_AFTER
        try:
            for path in self.incoming.iterdir():
                if not shared or _changed_before(path, unfinished):
                    path.unlink(missing_ok=True)
            for path in self.logs.glob("*/*.part"):
                if _changed_before(path, oldest):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_failure(self.path, error) from None


def _changed_before(path: Path, moment: float) -> bool:
    """Whether a file is older; one that another process has just done with is gone. Raises OSError."""
    try:
        return path.lstat().st_mtime < moment
    except FileNotFoundError:
        return False
