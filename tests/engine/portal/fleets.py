"""Ten thousand appliances, written into a portal's database as if they had registered and beaten."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from tm_tui.portal import tables
from tm_tui.portal.database import opened

MANY = 10_000
HOSTILE = "=cmd()<script>alert(1)</script>"


def fill(home: Path, silent: int, heartbeat_seconds: int = 300, now: datetime | None = None) -> None:
    """Most of them beat; so many are silent, the newest silence being that of the last of these."""
    at = (now or datetime.now(UTC)).timestamp()
    rows = [
        {
            "appliance": f"tm-{number:05}",
            "product": "Threat Mitigator",
            "version": "2.0" if number % 2 else "1.9",
            "edition": "on-premise",
            "email": HOSTILE if number == 4711 else f"admin-{number}@example.com",
            "account": "registering-user",
            "heartbeat_seconds": heartbeat_seconds,
            "registered_at": at,  # before that no report is due
            "updated_at": at - 90 * 86400,
            "beats": 5,
            "last_beat_at": at - (3600 * (silent - number) + 1000 if number < silent else 10),
            "waiting_events": number,
        }
        for number in range(MANY)
    ]
    with opened(home / "portal.sqlite3") as connection:
        connection.execute(insert(tables.products), rows)
