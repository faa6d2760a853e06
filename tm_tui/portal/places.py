"""The only names that exist for an SFTP client: `/logs/<appliance>` and what a batch needs in there."""

import posixpath
from dataclasses import dataclass
from enum import Enum, auto

from tm_tui.portal.batch_file import BatchName, is_appliance

__all__ = ["Kind", "Place", "place_of"]

_PART = ".part"


class Kind(Enum):
    """What a path names."""

    ROOT = auto()
    LOGS = auto()
    APPLIANCE = auto()
    BATCH = auto()
    PART = auto()
    """`<batch>.part`, an upload in progress."""
    PROBE = auto()
    """`probe` or `probe.part`: taken and forgotten."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path that may exist. `batch` is the one that BATCH and PART speak of."""

    kind: Kind
    appliance: str = ""
    name: str = ""
    batch: BatchName | None = None


def place_of(path: bytes) -> Place | None:
    """Read a client's path; `..` ends at the root, and what is none of ours is None."""
    try:
        normal = posixpath.normpath(posixpath.join("/", path.decode("ascii")))
    except UnicodeDecodeError:
        return None
    match [part for part in normal.split("/") if part]:
        case []:
            return Place(Kind.ROOT)
        case ["logs"]:
            return Place(Kind.LOGS)
        case ["logs", appliance] if is_appliance(appliance):
            return Place(Kind.APPLIANCE, appliance)
        case ["logs", appliance, name] if is_appliance(appliance):
            return _inside(appliance, name)
        case _:
            return None


def _inside(appliance: str, name: str) -> Place | None:
    if name.removesuffix(_PART) == "probe":
        return Place(Kind.PROBE, appliance, name)
    batch = BatchName.parse(name.removesuffix(_PART))
    if batch is None or batch.appliance != appliance:
        return None
    return Place(Kind.PART if name.endswith(_PART) else Kind.BATCH, appliance, name, batch)
