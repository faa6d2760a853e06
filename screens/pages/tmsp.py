"""The TMSP form: registration of this appliance to the Threat Management Services Portal."""

from screens.widgets.form import FormPage

__all__ = ["TmspPage"]


class TmspPage(FormPage):
    """Everything fits on one screen at 80x24."""

    HELP = "tmsp"
    FORM = "tmsp"
