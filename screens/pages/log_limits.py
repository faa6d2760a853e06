"""The Log Queue Limits form: how much may wait for the log server, and for how long."""

from screens.widgets.field import Slot
from screens.widgets.form import FormPage

__all__ = ["LogLimitsPage"]


class LogLimitsPage(FormPage):
    """No server is asked about these, so there is nothing to test."""

    HELP = "log_limits"
    ACTIONS = frozenset({"save"})
    ROWS = (
        (Slot("spool.max_mib", 6, unit="MiB"),),
        (Slot("spool.max_days", 6, unit="days"),),
    )
