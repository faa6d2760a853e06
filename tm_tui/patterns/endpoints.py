"""What threat events say of endpoints: the newest mitigation status of each, bounded, through restarts."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ConfigDict, OnErrorOmit, ValidationError

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.clock import moment_of
from tm_tui.spool.events import Severity
from tm_tui.spool.log_line import ISSUES, STUCK_SECONDS, LoggedThreat, endpoint_key, logged
from tm_tui.text import safe_text

__all__ = ["Endpoint", "Endpoints", "endpoint_of"]

MOST_ENDPOINTS = 5000
_FILE = "endpoints.json"
_MOST_BYTES = 16 << 20
_SEVERITIES = frozenset(get_args(Severity))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint by its newest threat event. `at` is in Unix seconds."""

    hostname: str
    ip: str | None
    mac: str | None
    status: str
    threat: str
    severity: str
    at: float
    seq: int

    def unresolved(self, now: float) -> bool:
        """Whether its mitigation failed, was not tried, waits for somebody, or never ended."""
        return self.status in ISSUES or (self.status == "in-progress" and self.at < now - STUCK_SECONDS)

    @property
    def since(self) -> datetime:
        """When the event happened."""
        return moment_of(self.at)


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    upto: int
    endpoints: list[OnErrorOmit[Endpoint]]
    """One that is damaged comes again with the next event of its computer."""


def endpoint_of(line: bytes, sealed_at: float) -> Endpoint | None:
    """Read a line of a batch; None if it is no threat event. A time after `sealed_at` counts as that."""
    event = logged(line)
    if not isinstance(event, LoggedThreat) or event.threat.severity not in _SEVERITIES:
        return None  # a deployment's events repeat the severity, and intake takes no other one
    named, threat = event.endpoint, event.threat
    return Endpoint(
        safe_text(named.hostname),
        named.ip and safe_text(named.ip),
        named.mac and safe_text(named.mac),
        event.status,
        safe_text(threat.name),
        threat.severity,
        event.at(sealed_at),
        event.seq,
    )


class Endpoints:
    """The endpoints by key. `upto` is the highest `seq` of the batches that were read. For several threads.

    What is too much goes: those without an issue first, and of them the oldest.
    """

    def __init__(self, folder: Path, most: int = MOST_ENDPOINTS) -> None:
        self._folder = folder
        self._most = most
        self._known: dict[str, Endpoint] = {}
        self._guard = threading.Lock()
        self.upto = 0

    def load(self) -> None:
        """Read what was kept; a damaged file counts as none. Raises StorageFailed."""
        with Folder.open(self._folder, create=True) as folder:
            try:
                kept = _Kept.model_validate_json(folder.read(_FILE, _MOST_BYTES))
            except (StorageAbsent, ValidationError):
                return
        self.upto = kept.upto
        self.note(kept.endpoints)

    def save(self) -> None:
        """Bring it to the disk. Raises StorageFailed."""
        fields = Endpoint.__dataclass_fields__
        rows = [{name: getattr(one, name) for name in fields} for one in tuple(self._known.values())]
        with Folder.open(self._folder, create=True) as folder:
            folder.replace(_FILE, json.dumps({"upto": self.upto, "endpoints": rows}).encode())

    def note(self, found: Iterable[Endpoint]) -> None:
        """Take over what is newer than what is known."""
        with self._guard:
            for one in found:
                key = endpoint_key(one.hostname, one.mac, one.ip)
                before = self._known.get(key)
                if before is None or (before.at, before.seq) <= (one.at, one.seq):
                    self._known[key] = one
            if len(self._known) > self._most:
                self._forget()

    def _forget(self) -> None:
        def worth(item: tuple[str, Endpoint]) -> tuple[bool, float]:
            one = item[1]
            return one.status in ISSUES or one.status == "in-progress", one.at

        kept = sorted(self._known.items(), key=worth, reverse=True)[: self._most * 9 // 10]
        self._known = dict(kept)

    def unresolved(self, now: datetime) -> list[Endpoint]:
        """Those with an issue, the newest first."""
        moment = now.timestamp()
        found = [one for one in tuple(self._known.values()) if one.unresolved(moment)]
        return sorted(found, key=lambda one: (-one.at, one.hostname))

    def named(self, hostname: str) -> list[Endpoint]:
        """All known endpoints of this host name, however it is written."""
        wanted = hostname.casefold().rstrip(".")
        return [one for one in tuple(self._known.values()) if one.hostname.casefold().rstrip(".") == wanted]
