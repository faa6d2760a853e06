"""What a deployment has done, as threat event log entries; the same again gives the same entries."""

import json
from typing import Any

from tm_tui.patterns.deployment_record import Plan, Result

__all__ = ["events_of"]


def events_of(plan: Plan, result: Result) -> list[bytes]:
    """The deployment, and the cleanup that followed it where the pattern was deployed; or cleanup alone."""
    if plan.action == "cleanup":
        status = "unsuccessful" if result.state == "failed" else result.cleanup or "cleaned"
        return [_line(plan, result, "c", "post-assessment-cleanup", status)]
    if result.state != "deployed":
        return [_line(plan, result, "d", "custom-pattern-deployment", "unsuccessful")]
    cleanup = result.cleanup or "cleaned"
    return [
        _line(plan, result, "d", "custom-pattern-deployment", "assessed"),
        _line(plan, result, "c", "post-assessment-cleanup", cleanup),
    ]


def _line(plan: Plan, result: Result, which: str, event_type: str, status: str) -> bytes:
    target = plan.targets[result.n]
    addresses = {"ip": target.ip, "mac": target.mac}
    event: dict[str, Any] = {
        "kind": "threat-event",
        "id": f"pattern-{plan.pattern.id}-{plan.uid}-{result.n}-{which}",
        "time": result.at.isoformat(),
        "endpoint": {"hostname": target.hostname, **{k: v for k, v in addresses.items() if v is not None}},
        "event_type": event_type,
        "source": "tmsp",
        "status": status,
        "threat": {"name": target.threat, "severity": target.severity},
    }
    return json.dumps(event).encode()
