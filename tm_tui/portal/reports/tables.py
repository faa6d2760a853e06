"""What the portal's database holds for reports. All but the finished ones comes anew from the batches."""

from sqlalchemy import Index, UniqueConstraint

from tm_tui.portal.columns import number, only_where, real, table, text_, whole

__all__ = [
    "counted",
    "day_counts",
    "day_late",
    "day_threats",
    "fleet_threats",
    "reports",
    "root_causes",
    "threats",
]

threats = table(
    "threats",
    text_("appliance", primary_key=True),
    text_("id", primary_key=True),
    real("at"),
    real("received_at"),
    text_("hostname"),
    text_("address"),
    text_("event_type"),
    text_("source"),
    text_("status"),
    text_("severity"),
    text_("threat"),
)
Index("threats_at", threats.c.appliance, threats.c.at)

root_causes = table(
    "root_causes",
    text_("appliance", primary_key=True),
    text_("id", primary_key=True),
    real("at"),
    real("received_at"),
    text_("hostname"),
    text_("address"),
    text_("threat_event_id"),
    text_("chain"),
    whole("waiting", server_default="1"),
    keyed=False,
)
"""`waiting` 1: its incident report is not made yet."""
_WAITING = only_where("waiting = 1")
Index("root_causes_at", root_causes.c.appliance, root_causes.c.at)
Index("root_causes_waiting", root_causes.c.appliance, root_causes.c.received_at, **_WAITING)

reports = table(
    "reports",
    number(),
    text_("id"),
    text_("appliance"),
    text_("kind"),
    text_("title"),
    real("made_at"),
    text_("text"),
    whole("bytes"),
    text_("sha256"),
    UniqueConstraint("id"),
    keyed=False,
)
Index("reports_of", reports.c.appliance, reports.c.number)
Index("reports_made", reports.c.made_at)

day_threats = table(
    "day_threats",
    text_("appliance", primary_key=True),
    whole("day", primary_key=True),
    text_("threat", primary_key=True),
    text_("severity", primary_key=True),
    text_("hostname", primary_key=True),
    whole("events"),
)
"""Threat events of a day of the portal's zone (`date.toordinal`), counted as they arrive."""

day_counts = table(
    "day_counts",
    text_("appliance", primary_key=True),
    whole("day", primary_key=True),
    text_("what", primary_key=True),
    text_("word", primary_key=True),
    whole("events"),
)
"""The same by `status` and `type`; `cause` counts root causes."""

day_late = table(
    "day_late",
    text_("appliance", primary_key=True),
    whole("came", primary_key=True),
    whole("day", primary_key=True),
    whole("events"),
)
"""Threat events that came on a later day than they happened."""

fleet_threats = table(
    "fleet_threats",
    whole("day", primary_key=True),
    whole("part", primary_key=True),
    text_("severity", primary_key=True),
    whole("events"),
)
"""The sums of `day_threats` over all appliances, each in one of some parts: workers seldom meet in a row."""

counted = table(
    "counted",
    text_("appliance", primary_key=True),
    text_("zone"),
    real("upto", nullable=True),
)
"""In which zone the days of an appliance were counted. `upto`: so far they are being counted anew."""
