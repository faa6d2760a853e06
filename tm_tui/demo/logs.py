"""Events for the demo, handed in as any producer would, and counted in the portal's files afterwards."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard

__all__ = ["events_at_portal", "lines_of", "some_events"]

_THREATS = (
    ("TROJ_DOWNLD.KA", "high", "cleaned", "security-risk-log-detection", "security-risk-logs"),
    (
        "WORM_SPREAD.AB",
        "critical",
        "in-progress",
        "threat-discovery-appliance-event",
        "threat-discovery-appliance",
    ),
    ("ADW_POPUP.X", "low", "scanned", "on-demand-scan-by-user", "on-demand-scan"),
    ("RTKT_HIDE.C", "critical", "manual-cleanup-needed", "on-demand-scan-by-administrator", "on-demand-scan"),
)
_MOST_BYTES = 64 << 20


def some_events(name: str, number: int, now: datetime) -> list[dict[str, Any]]:
    """`number` threat events, and for every fourth how it came to it. Ids begin with `name`."""
    return [
        event
        for n in range(number)
        for event in _story(f"{name}-{n}", n, now - timedelta(seconds=number - n))
    ]


def _story(name: str, n: int, moment: datetime) -> list[dict[str, Any]]:
    threat, severity, status, event_type, source = _THREATS[n % len(_THREATS)]
    endpoint = {"hostname": f"pc-{n % 40:03d}.branch.example.net", "ip": f"192.0.2.{n % 250 + 1}"}
    common = {"time": moment.isoformat(), "endpoint": endpoint}
    event = {
        "kind": "threat-event",
        "id": f"{name}-t",
        **common,
        "event_type": event_type,
        "source": source,
        "status": status,
        "threat": {"name": threat, "severity": severity},
    }
    if n % len(_THREATS):
        return [event]
    chain = [
        {"time": moment.isoformat(), "actor": "explorer.exe", "action": "started", "object": "setup.exe"},
        {
            "time": moment.isoformat(),
            "actor": "setup.exe",
            "action": "created",
            "object": "x.dll",
            "parent": "explorer.exe",
        },
    ]
    return [
        event,
        {"kind": "root-cause", "id": f"{name}-r", **common, "threat_event_id": event["id"], "chain": chain},
    ]


def lines_of(events: Iterable[dict[str, Any]]) -> bytes:
    """As NDJSON."""
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def events_at_portal(folder: Path) -> Counter[str]:
    """How often each id lies in the batches of an appliance's folder, read from the portal's files."""
    found: Counter[str] = Counter()
    for path in sorted(folder.glob("*.ndjson.zst")):
        with path.open("rb") as file:
            text = zstandard.ZstdDecompressor().stream_reader(file).read(_MOST_BYTES)
        found.update(json.loads(line)["id"] for line in text.splitlines())
    return found
