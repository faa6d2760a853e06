"""The Log Queue Limits form: how much may wait for the log server, and for how long."""

from screens.widgets.form import FormPage

__all__ = ["LogLimitsPage"]


class LogLimitsPage(FormPage):
    """No server is asked about these, so there is nothing to test."""

    HELP = "log_limits"
    ACTIONS = frozenset({"save"})
    FORM = "spool"
