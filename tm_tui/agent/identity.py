"""The appliance's own name: made once and kept, because logs are filed under it."""

import re
import secrets
from pathlib import Path

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed
from tm_tui.status_server.protocol import APPLIANCE_PATTERN

__all__ = ["appliance_name", "new_identity"]

_NAME = "appliance"
_MOST_BYTES = 256


def appliance_name(state: Path) -> str:
    """Read `state/appliance`, or make it: `tm-` and 12 random hex digits. Raises StorageFailed."""
    with Folder.open(state) as folder:
        try:
            name = folder.read(_NAME, _MOST_BYTES).decode("ascii", "replace").strip()
        except StorageAbsent:
            name = _make(folder)
    if not re.fullmatch(APPLIANCE_PATTERN, name):
        cause = f"{state / _NAME} does not hold the name of an appliance."
        raise StorageFailed(cause, "Restore it from a backup; without it the appliance would register anew.")
    return name


def new_identity(state: Path) -> tuple[str, str]:
    """Give the appliance another name, as a copy of a machine needs; returns the name before and the new one.

    Whoever calls this holds the agent's lock. What was sealed under the name before is delivered under it.
    Raises StorageFailed.
    """
    before = appliance_name(state)
    with Folder.open(state) as folder:
        return before, _make(folder)


def _make(folder: Folder) -> str:
    name = f"tm-{secrets.token_hex(6)}"
    folder.replace(_NAME, f"{name}\n".encode())
    return name
