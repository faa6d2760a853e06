"""The Console form: how the console treats those who sit before it."""

from screens.widgets.form import FormPage

__all__ = ["ConsolePage"]


class ConsolePage(FormPage):
    """Two numbers, in minutes."""

    HELP = "console_settings"
    ACTIONS = frozenset({"save"})
    FORM = "console"
