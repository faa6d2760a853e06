"""The tables of the log-on: who is logged on, and whose passwords were wrong."""

from sqlalchemy import Index

from tm_tui.portal.columns import real, table, text_, whole

__all__ = ["logon_tries", "sessions"]

sessions = table(
    "sessions",
    text_("key", primary_key=True),
    text_("operator"),
    real("created_at"),
    real("seen_at"),
    real("expires_at"),
    text_("source"),
    text_("words", server_default=""),
    keyed=False,
)
"""`key`: a digest of the name that the browser holds. `words`: to be said on the next page, once."""
Index("sessions_of", sessions.c.operator, sessions.c.seen_at)

logon_tries = table(
    "logon_tries",
    text_("key", primary_key=True),
    whole("failures"),
    real("last_at"),
    real("until", server_default="0"),
    whole("entry", nullable=True),
)
"""What was tried, by name and by address (`tries`). `entry`: the line of the audit that counts them."""
Index("logon_tries_last", logon_tries.c.last_at)
