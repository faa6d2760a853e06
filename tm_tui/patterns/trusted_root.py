"""Whom to believe about patterns: the first root that a portal gave at registration, kept for good.

From there keys change by TUF's own rules only. Another root of the same portal is refused until an admin
forgets the old one; another portal begins anew once it has registered this appliance.
"""

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

from tm_tui.atomic import Folder, StorageAbsent, storage_failure
from tm_tui.link.failures import failure
from tm_tui.link.types import Link

__all__ = ["MOST_ROOT_BYTES", "Anchor"]

MOST_ROOT_BYTES = 64 << 10
_ROOT, _PORTAL, _HISTORY = "root.json", "portal.json", "tuf/root_history"


class Anchor:
    """The trusted root in `folder`, which holds all that was received from one portal. Blocks.

    Methods raise StorageFailed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, link: Link, offered: bytes) -> bytes:
        """A portal gave this root at registration; the one that is trusted, which may be an older one.

        Raises LinkFailure when it is none of the chain that we know.
        """
        with Folder.open(self.folder, create=True) as folder:
            if self._portal(folder) != link.endpoint.authority:
                self._begin(folder, link, offered)
            first = self._root(folder, link)
        if first is None or _version(first) is None:
            raise failure("pattern-root-missing", "service", link.endpoint, link.proxy)
        if self.differs(first, offered):
            raise failure("pattern-root-changed", "service", link.endpoint, link.proxy)
        return first

    def root(self, link: Link) -> bytes | None:
        """The root that the portal at this link began with; None if it has given none."""
        with Folder.open(self.folder, create=True) as folder:
            return self._root(folder, link)

    def _root(self, folder: Folder, link: Link) -> bytes | None:
        if self._portal(folder) != link.endpoint.authority:
            return None
        try:
            return folder.read(_ROOT, MOST_ROOT_BYTES)
        except StorageAbsent:
            return None

    def differs(self, first: bytes, offered: bytes, *, refreshed: bool = False) -> bool:
        """Whether `offered` is none of the chain that has grown from the `first` root, as far as it is known.

        A newer one may still prove to be of the chain, unless it was `refreshed` since.
        """
        if offered == first:
            return _version(offered) is None
        version = _version(offered)
        if version is None:
            return True
        try:
            return (self.folder / _HISTORY / f"{version:d}.root.json").read_bytes() != offered
        except FileNotFoundError:
            return refreshed or version <= (_version(first) or 0)

    def forget(self) -> bool:
        """Trust nobody any more, until the next registration. False if nobody was trusted."""
        with Folder.open(self.folder, create=True) as folder:
            known = _PORTAL in folder.names()
            folder.remove(_PORTAL)
            folder.sync()
        return known

    def _begin(self, folder: Folder, link: Link, root: bytes) -> None:
        """Drop all of the portal before: its ids and lists mean nothing here. Last comes the name."""
        if not _is_root(root):
            return
        try:
            for path in (self.folder / name for name in folder.names()):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise storage_failure(self.folder, error) from None
        folder.replace(_ROOT, root)
        told = {"address": link.endpoint.authority, "sha256": hashlib.sha256(root).hexdigest()}
        folder.replace(_PORTAL, json.dumps(told).encode())

    def _portal(self, folder: Folder) -> str | None:
        with suppress(StorageAbsent, ValueError, KeyError, TypeError, RecursionError):
            return str(json.loads(folder.read(_PORTAL, MOST_ROOT_BYTES))["address"])
        return None


def _is_root(root: bytes) -> bool:
    """Whether this is a root that its own keys have signed: another one would be kept for nothing."""
    from tuf.api.exceptions import RepositoryError

    from tm_tui.patterns.root_keys import ODD, usable_root

    if _version(root) is None:
        return False
    try:
        found = usable_root(root)
        found.signed.verify_delegate("root", found.signed_bytes, found.signatures)
    except (RepositoryError, *ODD):
        return False
    return True


def _version(root: bytes) -> int | None:
    """The version of a root, if it is one; it is verified elsewhere."""
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        signed = json.loads(root)["signed"]
        version = signed["version"]
        if signed["_type"] == "root" and type(version) is int and 0 < version < 1 << 31:
            return int(version)
    return None
