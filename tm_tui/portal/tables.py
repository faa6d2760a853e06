"""What the portal's database holds: each table once, for SQLite and PostgreSQL alike.

A change here needs a new script in `migrations/versions`, and `SCHEMA` names the newest one. Moments are Unix
seconds. Texts compare by their bytes, so that both engines sort alike.
"""

from sqlalchemy import Index, UniqueConstraint

from tm_tui.portal.columns import metadata, only_where
from tm_tui.portal.columns import number as _number
from tm_tui.portal.columns import real as _real
from tm_tui.portal.columns import table as _table
from tm_tui.portal.columns import text_ as _text
from tm_tui.portal.columns import whole as _whole
from tm_tui.portal.logon_tables import logon_tries, sessions
from tm_tui.portal.reports.tables import (
    counted,
    day_counts,
    day_late,
    day_threats,
    fleet_threats,
    reports,
    root_causes,
    threats,
)

__all__ = [
    "SCHEMA",
    "accounts",
    "alert_messages",
    "alerts",
    "appliances",
    "audit",
    "batches",
    "beat_days",
    "cases",
    "counted",
    "counters",
    "day_counts",
    "day_late",
    "day_threats",
    "doomed",
    "endpoints",
    "fleet_days",
    "fleet_threats",
    "instances",
    "jobs",
    "logon_tries",
    "metadata",
    "notices",
    "products",
    "removals",
    "reports",
    "root_causes",
    "sessions",
    "threats",
]

SCHEMA = "0010"
"""The revision in `migrations/versions` that these tables are."""

accounts = _table(
    "accounts",
    _text("name", primary_key=True),
    _text("secret"),
    _real("created_at"),
    _text("role", server_default="appliance"),
    _text("level", server_default=""),
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
Index("notices_of", notices.c.appliance, notices.c.number)

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
    _real("swept_at", nullable=True),
    UniqueConstraint("name"),
    keyed=False,
)
"""`swept_at`: its file has gone since, its name stays known."""
Index("batches_of", batches.c.appliance, batches.c.number)
Index("batches_kept", batches.c.received_at, **only_where("swept_at IS NULL"))

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

jobs = _table(
    "jobs",
    _text("key", primary_key=True),
    _text("kind"),
    _text("appliance", server_default=""),
    _text("what", server_default=""),
    _real("due"),
    _real("leased_until", server_default="0"),
    _text("lease", server_default=""),
    _whole("asked", server_default="0"),
)
"""What is to be done, by a key under which it is done once (`jobs`). `asked`: how often anew."""
Index("jobs_due", jobs.c.due)
Index("jobs_of_kind", jobs.c.kind, jobs.c.due)
Index("jobs_of", jobs.c.appliance)

counters = _table("counters", _text("name", primary_key=True), _whole("value"))
"""Numbers that are given once."""

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
    _text("turn", server_default=""),
    _real("swept_at", nullable=True),
    UniqueConstraint("number"),
    keyed=False,
)
"""`turn`: the newest request that writes to the upload. What an older one sends counts no more."""
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
_STANDS = only_where("ended_at IS NULL")
Index("alerts_standing", alerts.c.kind, alerts.c.subject, unique=True, **_STANDS)
Index("alerts_untold", alerts.c.end_told_at)
Index("alerts_ended", alerts.c.ended_at)
Index("alerts_of", alerts.c.subject, alerts.c.number)

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

beat_days = _table(
    "beat_days",
    _text("appliance", primary_key=True),
    _whole("day", primary_key=True),
    _whole("beats"),
)
"""Beats of a day of the portal's zone (`date.toordinal`)."""
Index("beat_days_by_day", beat_days.c.day)

fleet_days = _table(
    "fleet_days",
    _whole("day", primary_key=True),
    _whole("appliances"),
    _whole("missing"),
    _whole("issues"),
    _whole("beats", server_default="0"),
    keyed=False,
)
"""How the fleet stood when the portal last looked on that day. `beats`: of all of it."""

audit = _table(
    "audit",
    _number(),
    _real("at"),
    _text("who"),
    _text("source"),
    _text("what"),
    _text("subject"),
    keyed=False,
)
"""Who did what to what, and from where."""
Index("audit_at", audit.c.at)

doomed = _table("doomed", _text("name", primary_key=True), _whole("asked", server_default="0"))
"""Blobs that are to be deleted (`portal/doomed.py`)."""
