"""The Console form: how the console treats those who sit before it."""

from screens.widgets.field import Slot
from screens.widgets.form import FormPage

__all__ = ["ConsolePage"]


class ConsolePage(FormPage):
    """Two numbers, in minutes."""

    HELP = "console_settings"
    ROWS = (
        (Slot("console.idle_minutes", 4, unit="min without a key, 0 never"),),
        (Slot("console.trial_minutes", 4, unit="min without a confirmation"),),
    )
