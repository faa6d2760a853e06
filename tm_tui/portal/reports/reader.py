"""What reports need of threat events and root causes, as rows for their tables."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from tm_tui.spool.log_line import LoggedCause, LoggedStep, LoggedThreat
from tm_tui.text import safe_text

__all__ = ["Rows"]

_LONGEST = 200


@dataclass(slots=True)
class Rows:
    """Some rows for the tables."""

    threats: list[dict[str, Any]] = field(default_factory=list)
    root_causes: list[dict[str, Any]] = field(default_factory=list)

    def add(self, event: LoggedThreat | LoggedCause, received_at: float) -> None:
        """One row more, of an event that came at `received_at`, in Unix seconds."""
        named = event.endpoint
        row: dict[str, Any] = {
            "id": safe_text(event.id),
            "at": event.at(received_at),
            "received_at": received_at,
            "hostname": safe_text(named.hostname),
            "address": safe_text(named.ip or named.mac or ""),
        }
        if isinstance(event, LoggedCause):
            chain = msgspec.json.encode([_shortened(step) for step in event.chain]).decode()
            self.root_causes.append(
                row | {"threat_event_id": safe_text(event.threat_event_id), "chain": chain}
            )
        else:
            texts = {"event_type": event.event_type, "source": event.source, "status": event.status}
            texts |= {"severity": event.threat.severity, "threat": event.threat.name}
            self.threats.append(row | {name: safe_text(text) for name, text in texts.items()})


def _shortened(step: LoggedStep) -> dict[str, object]:
    texts = ((name, getattr(step, name)) for name in ("actor", "action", "object", "parent", "hash"))
    return {
        "time": step.moment,
        **{name: safe_text(text, _LONGEST) for name, text in texts if text is not None},
    }
