"""One look into the portal's TUF repository with python-tuf's client. Blocks: for a thread."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from tm_tui.atomic import Folder, storage_failure
from tm_tui.link.failures import failure
from tm_tui.link.types import Link
from tm_tui.patterns.pattern import MOST_PATTERN_BYTES, Listing, Offered, listing
from tm_tui.patterns.refusals import METADATA_PATH, TARGETS_PATH, refusal
from tm_tui.patterns.root_keys import ODD, usable_root

if TYPE_CHECKING:
    from tm_tui.patterns.fetcher import LinkFetcher

__all__ = ["Repository", "Seen"]

_log = logging.getLogger(__name__)

_ROLES = ("root", "timestamp", "snapshot", "targets")
_MOST_LIST_BYTES = 16 << 20
_CONFIG = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=0,
    root_max_length=64 << 10,
    timestamp_max_length=16 << 10,
    snapshot_max_length=64 << 10,
    targets_max_length=_MOST_LIST_BYTES,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last whole check has verified, and until when all of its signatures count."""

    timestamp: bytes
    root_version: int
    until: datetime
    listing: Listing


class Repository:
    """One check: refresh, list, fetch. `folder` is where python-tuf keeps what it has verified.

    Methods raise LinkFailure, StorageFailed, and what ends the thread (Stopped).
    """

    def __init__(self, link: Link, folder: Path, anchor: bytes, fetcher: "LinkFetcher") -> None:
        self._link = link
        self._folder = folder
        self._fetcher = fetcher
        base = f"https://{link.endpoint.authority}"
        self._metadata = f"{base}{METADATA_PATH}"
        with self._translated():
            folder.mkdir(mode=0o700, exist_ok=True)
            _sweep(folder)
            usable_root(anchor)
            self._updater = Updater(
                str(folder),
                self._metadata,
                target_base_url=f"{base}{TARGETS_PATH}",
                fetcher=fetcher,
                config=_CONFIG,
                bootstrap=anchor,
            )

    def unchanged(self, seen: Seen, now: datetime) -> bool:
        """Whether the portal still has what was verified: the same timestamp stands for the same lists.

        As TUF asks, a newer root is looked for first; where there is anything new, `refreshed` does all, and
        what was looked at here is not fetched again for it.
        """
        if now >= seen.until:
            return False
        with self._translated():
            try:
                newer = f"{self._metadata}{seen.root_version + 1}.root.json"
                self._fetcher.look(newer, _CONFIG.root_max_length)
            except DownloadHTTPError:
                stamp = f"{self._metadata}timestamp.json"
                return self._fetcher.look(stamp, _CONFIG.timestamp_max_length) == seen.timestamp
        return False

    def refreshed(self, appliance: str) -> Seen:
        """Bring the list up to date by TUF's rules, and read it."""
        with self._translated():
            try:
                self._updater.refresh()
            finally:
                _to_disk(self._folder)  # what was verified must be remembered, or old becomes new again
            files = {role: (self._folder / f"{role}.json").read_bytes() for role in _ROLES}
            signed = {role: Metadata.from_bytes(data).signed for role, data in files.items()}
        targets = json.loads(files["targets"])["signed"]["targets"]
        return Seen(
            files["timestamp"],
            signed["root"].version,
            min(one.expires for one in signed.values()),
            listing(targets, appliance),
        )

    def fetch(self, offered: Offered, path: Path) -> None:
        """Fetch a pattern to `path`; when this returns, length and hash are right."""
        link = self._link
        if offered.length > MOST_PATTERN_BYTES:
            raise failure("pattern-too-large", "service", link.endpoint, link.proxy)
        with self._translated():
            target = self._updater.get_targetinfo(offered.target)
            if target is None:  # it stood in the list just read
                raise failure("pattern-list-unreadable", "service", link.endpoint, link.proxy)
            self._updater.download_target(target, str(path))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (RepositoryError, DownloadError) as error:
            raise refusal(error, self._fetcher.last, self._link) from error
        except OSError as error:
            raise storage_failure(self._folder, error) from None
        except ODD as error:
            _log.warning("python-tuf ended with %s over the portal's lists.", type(error).__name__)
            raise refusal(RepositoryError("odd"), self._fetcher.last, self._link) from error


def _sweep(folder: Path) -> None:
    """Remove what python-tuf had not finished when it was killed."""
    for path in folder.glob("tmp*"):
        path.unlink()


def _to_disk(folder: Path) -> None:
    for path in (folder, folder / "root_history"):
        if path.exists():
            with Folder.open(path) as here:
                for name in here.names():
                    if name.endswith(".json") and not (path / name).is_symlink():
                        here.settle(name)
                here.sync()
