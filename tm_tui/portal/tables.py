"""What the portal's database holds: each table once, for SQLite and PostgreSQL alike.

A change here needs a new script in `migrations/versions`, and `SCHEMA` names the newest one. Moments are Unix
seconds. Texts compare by their bytes, so that both engines sort alike.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import REAL, TypeEngine

__all__ = [
    "SCHEMA",
    "accounts",
    "alert_messages",
    "alerts",
    "appliances",
    "batches",
    "cases",
    "endpoints",
    "instances",
    "metadata",
    "notices",
    "products",
    "read_batches",
    "removals",
    "report_batches",
    "reports",
    "root_causes",
    "threats",
]

SCHEMA = "0002"
"""The revision in `migrations/versions` that these tables are."""

metadata = MetaData()

_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
_WHOLE = BigInteger().with_variant(Integer(), "sqlite")
_REAL: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")


def _text(name: str, **more: Any) -> Column[str]:
    return Column(name, _TEXT, nullable=more.pop("nullable", False), **more)


def _whole(name: str, **more: Any) -> Column[int]:
    return Column(name, _WHOLE, nullable=more.pop("nullable", False), **more)


def _real(name: str, **more: Any) -> Column[float]:
    return Column(name, _REAL, nullable=more.pop("nullable", False), **more)


def _number() -> Column[int]:
    """The database's own, in the order of entry; on PostgreSQL a later one may be seen earlier."""
    return Column("number", _WHOLE, primary_key=True)


def _table(name: str, *columns: Any, keyed: bool = True) -> Table:
    """`keyed`: the rows lie in the primary key itself, where the engine can do that."""
    return Table(name, metadata, *columns, sqlite_strict=True, sqlite_with_rowid=not keyed)


accounts = _table(
    "accounts",
    _text("name", primary_key=True),
    _text("secret"),
    _real("created_at"),
    _text("role", server_default="appliance"),
    keyed=False,
)

appliances = _table(
    "appliances",
    _text("appliance", primary_key=True),
    _text("account"),
)
"""Whose each one is. That outlives `products`."""
Index("appliances_of", appliances.c.account)

products = _table(
    "products",
    _text("appliance", primary_key=True),
    _text("product"),
    _text("version"),
    _text("edition"),
    _text("email"),
    _text("account"),
    _whole("heartbeat_seconds"),
    _real("registered_at"),
    _real("updated_at"),
    _whole("beats", server_default="0"),
    _real("last_beat_at", nullable=True),
    _whole("revision", nullable=True),
    _real("uptime_seconds", nullable=True),
    _whole("waiting_events", nullable=True),
    _real("clock_skew_seconds", nullable=True),
    keyed=False,
)

removals = _table(
    "removals",
    _text("appliance", primary_key=True),
    _real("removed_at"),
    _text("removed_by"),
)
"""Who was taken off `products`, until it is wanted back."""

instances = _table(
    "instances",
    _text("appliance", primary_key=True),
    _text("instance", primary_key=True),
    _text("address"),
    _real("first_at"),
    _real("last_at"),
)

notices = _table(
    "notices",
    _number(),
    _text("appliance", nullable=True),
    _text("kind"),
    _text("id"),
    _text("title"),
    _real("created_at"),
    keyed=False,
)
"""`appliance` NULL: for all of them."""

batches = _table(
    "batches",
    _number(),
    _text("name"),
    _text("appliance"),
    _text("kind"),
    _whole("events"),
    _whole("bytes"),
    _real("received_at"),
    _whole("first_seq", nullable=True),
    _whole("last_seq", nullable=True),
    UniqueConstraint("name"),
    keyed=False,
)
Index("batches_of", batches.c.appliance, batches.c.number)

endpoints = _table(
    "endpoints",
    _text("appliance", primary_key=True),
    _text("key", primary_key=True),
    _text("hostname"),
    _text("ip", nullable=True),
    _text("mac", nullable=True),
    _text("status"),
    _text("event_type"),
    _text("threat"),
    _text("severity"),
    _text("event_id"),
    _real("at"),
    _whole("seq"),
)

read_batches = _table("read_batches", _text("name", primary_key=True))
report_batches = _table("report_batches", _text("name", primary_key=True))

threats = _table(
    "threats",
    _text("appliance", primary_key=True),
    _text("id", primary_key=True),
    _real("at"),
    _real("received_at"),
    _text("hostname"),
    _text("address"),
    _text("event_type"),
    _text("source"),
    _text("status"),
    _text("severity"),
    _text("threat"),
)
Index("threats_at", threats.c.appliance, threats.c.at)
Index("threats_of", threats.c.appliance, threats.c.threat, threats.c.at, threats.c.hostname)

root_causes = _table(
    "root_causes",
    _text("appliance", primary_key=True),
    _text("id", primary_key=True),
    _real("at"),
    _real("received_at"),
    _text("hostname"),
    _text("address"),
    _text("threat_event_id"),
    _text("chain"),
    _whole("waiting", server_default="1"),
    keyed=False,
)
"""`waiting` 1: its incident report is not made yet."""
_WAITING: dict[str, Any] = {f"{engine}_where": text("waiting = 1") for engine in ("sqlite", "postgresql")}
Index("root_causes_at", root_causes.c.appliance, root_causes.c.at)
Index("root_causes_waiting", root_causes.c.appliance, root_causes.c.at, **_WAITING)
Index("root_causes_longest", root_causes.c.received_at, **_WAITING)

reports = _table(
    "reports",
    _number(),
    _text("id"),
    _text("appliance"),
    _text("kind"),
    _text("title"),
    _real("made_at"),
    _text("text"),
    _whole("bytes"),
    _text("sha256"),
    UniqueConstraint("id"),
    keyed=False,
)
Index("reports_of", reports.c.appliance, reports.c.number)

cases = _table(
    "cases",
    _text("upload", primary_key=True),
    _text("key"),
    _text("appliance"),
    _text("account"),
    _text("form"),
    _whole("bytes"),
    _whole("arrived", server_default="0"),
    _text("sha256"),
    _text("endpoint"),
    _text("threat"),
    _text("description"),
    _real("touched_at"),
    _whole("number", nullable=True),
    _text("status", server_default="new-case-received"),
    _real("received_at", nullable=True),
    _real("updated_at", nullable=True),
    _text("pattern_id", server_default=""),
    UniqueConstraint("number"),
    keyed=False,
)
Index("cases_by_key", cases.c.appliance, cases.c.key, unique=True)

alerts = _table(
    "alerts",
    _number(),
    _text("kind"),
    _text("subject"),
    _real("since"),
    _text("detail", server_default=""),
    _real("noted_at"),
    _real("told_at", nullable=True),
    _real("ended_at", nullable=True),
    _real("end_noted_at", nullable=True),
    _real("end_told_at", nullable=True),
    keyed=False,
)
"""What an operator is told of: each from its beginning to its end. `told_at`: a message was made of it."""
_STANDS: dict[str, Any] = {f"{engine}_where": text("ended_at IS NULL") for engine in ("sqlite", "postgresql")}
Index("alerts_standing", alerts.c.kind, alerts.c.subject, unique=True, **_STANDS)
Index("alerts_untold", alerts.c.end_told_at)

alert_messages = _table(
    "alert_messages",
    _number(),
    _text("way"),
    _text("message"),
    _real("made_at"),
    _real("due_at"),
    _whole("tries", server_default="0"),
    _text("failure", server_default=""),
    _real("done_at", nullable=True),
    keyed=False,
)
"""Messages on each way, until they went out or were given up (then with their `failure`)."""
Index("alert_messages_due", alert_messages.c.way, alert_messages.c.done_at, alert_messages.c.due_at)
