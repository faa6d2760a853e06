"""Events as producers make them."""

import json
from typing import Any


def threat_event(number: int | None = None, **changes: Any) -> dict[str, Any]:
    """A threat event; `number` gives it an id of its own."""
    event = {
        "kind": "threat-event",
        "time": "2026-03-01T08:15:30Z",
        "endpoint": {
            "hostname": f"pc-{(number or 0) % 500:04d}.branch.example.net",
            "ip": "192.0.2.17",
            "mac": "00:1a:2b:3c:4d:5e",
        },
        "event_type": "on-demand-scan-by-administrator",
        "source": "threat-discovery-appliance",
        "status": "manual-cleanup-needed",
        "threat": {"name": "TROJ_GENERIC.DIT", "severity": "high"},
        **changes,
    }
    return event if number is None else {"id": f"p-{number}", **event}


def root_cause(number: int | None = None, **changes: Any) -> dict[str, Any]:
    """A root cause log entry with two links."""
    event = {
        "kind": "root-cause",
        "time": "2026-03-01T08:16:00Z",
        "endpoint": {"hostname": f"pc-{(number or 0) % 500:04d}.branch.example.net"},
        "threat_event_id": "p-1",
        "chain": [
            {
                "time": "2026-03-01T08:10:00Z",
                "actor": "explorer.exe",
                "action": "created",
                "object": r"C:\Users\a\x.exe",
            },
            {
                "time": "2026-03-01T08:10:01Z",
                "actor": "x.exe",
                "action": "connected to",
                "object": "198.51.100.7:443",
                "parent": "explorer.exe",
                "hash": "d41d8cd98f00b204e9800998ecf8427e",
            },
        ],
        **changes,
    }
    return event if number is None else {"id": f"p-{number}", **event}


def line(event: dict[str, Any]) -> bytes:
    """One line of NDJSON without its end."""
    return json.dumps(event).encode()


def numbered_line(number: int) -> bytes:
    """The line that a producer makes of a number, the same each time; every fifth is a root cause."""
    return line(root_cause(number) if number % 5 == 0 else threat_event(number))
