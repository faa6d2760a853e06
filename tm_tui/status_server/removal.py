"""An appliance that was removed at the portal: what the portal says, and what the appliance keeps of it.

docs/protocol.md, "Removed".
"""

import logging
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.types import Link
from tm_tui.spoken import utc_time
from tm_tui.status_server.replies import json_object, read_moment
from tm_tui.tasks import threaded
from tm_tui.values import Count, Moment

__all__ = ["RegistrationRecord", "Removed", "removal_in"]

_log = logging.getLogger(__name__)

_CAUSE, _CODE = "removed", "registration-removed"
"""What the portal's 410 says, and the code of the failure that it is here."""
_FILE, _MOST_BYTES = "registration.json", 4096


class Removed(LinkFailure):
    """The portal's operator removed this appliance at `removed_at`; None: the portal tells no time."""

    def __init__(self, refused: LinkFailure, removed_at: datetime | None) -> None:
        super().__init__(refused.code, refused.stage, refused.cause, refused.remedy)
        self.removed_at = removed_at


def removal_in(body: bytes, link: Link) -> Removed | None:
    """Read the body of a 410; None if it is not one of the protocol. Never raises."""
    told = json_object(body) or {}
    if told.get("cause") != _CAUSE:
        return None
    at = read_moment(told.get("removed_at"))
    when = f"on {utc_time(at)} UTC" if at else ""
    return Removed(failure(_CODE, "service", link.endpoint, link.proxy, detail=when), at)


class _Kept(BaseModel):
    """registration.json."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    appliance: str
    revision: Count
    renew: bool = False
    removed_at: Moment | None = None


class RegistrationRecord:
    """What of the registration outlives the agent, in `state/registration.json`.

    `renew`: the admin switched sending on, or saved, since a registration was accepted. `removed_at`: since
    when the portal does not want the appliance.
    """

    def __init__(self, state: Path, appliance: str) -> None:
        self._state, self._appliance = state, appliance
        self._kept = self._read()
        self._revision: int | None = None if self._kept is None else self._kept.revision
        self.renew = self._kept is not None and self._kept.renew
        self.removed_at = None if self._kept is None else self._kept.removed_at

    def _read(self) -> _Kept | None:
        """Read what was kept, of this appliance; what cannot be read counts as never written."""
        try:
            with Folder.open(self._state) as folder:
                kept = _Kept.model_validate_json(folder.read(_FILE, _MOST_BYTES))
        except (StorageAbsent, ValidationError):
            return None
        except StorageFailed as problem:
            _log.warning("%s %s", problem.cause, problem.remedy)
            return None
        return kept if kept.appliance == self._appliance else None

    def follow(self, revision: int, *, saved: bool) -> None:
        """These settings are in force; `saved` says that an admin made them, and no trial's end did."""
        if self._revision is not None and revision > self._revision:
            self.renew = self.renew or saved
        self._revision = revision

    async def accepted(self) -> None:
        """A registration was accepted."""
        self.renew, self.removed_at = False, None
        await self.keep()

    async def removed(self, at: datetime) -> None:
        """The portal removed the appliance. It counts from when that was first told."""
        self.removed_at = at
        await self.keep()

    async def keep(self) -> None:
        """Write it down, if it is not there yet; a disk that refuses is told, and costs nothing else."""
        wanted = _Kept(
            appliance=self._appliance,
            revision=self._revision or 0,
            renew=self.renew,
            removed_at=self.removed_at,
        )
        if wanted == self._kept:
            return
        try:
            await threaded(self._write, wanted)
        except StorageFailed as problem:
            _log.warning("%s %s", problem.cause, problem.remedy)
        else:
            self._kept = wanted

    def _write(self, kept: _Kept) -> None:
        with Folder.open(self._state) as folder:
            folder.replace(_FILE, kept.model_dump_json().encode())
