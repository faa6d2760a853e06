"""What stands on each form, row by row: the screen and the plain lines take order and labels from here.

What must be filled in comes first; what has a good default follows.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["FORMS", "Slot", "in_order", "keys_of", "slots_of"]


class Slot(NamedTuple):
    """Where a field stands: its key, how many cells its control has at 80 columns, words that fit there.

    A number has as many cells as its largest value, and one for the cursor.
    """

    key: str
    cells: int = 32
    label: str = ""
    unit: str = ""
    narrow: bool = False
    """Stands beside another field, with a label of its own length."""
    leans: bool = False
    """Its label says little without the row: the field's own stands in plain lines."""


FORMS: Mapping[str, tuple[tuple[Slot, ...], ...]] = MappingProxyType(
    {
        "tmsp": (
            (Slot("tmsp.enabled"),),
            (Slot("tmsp.edition"),),
            (Slot("tmsp.log_server.host", 40),),
            (Slot("tmsp.status_server.host", 40),),
            (Slot("tmsp.username"),),
            (Slot("tmsp.password"),),
            (Slot("tmsp.email"),),
            (Slot("tmsp.log_server.protocol"), Slot("tmsp.log_server.port", label="Log port", narrow=True)),
            (
                Slot("tmsp.log_server.interval", 16),
                Slot("tmsp.heartbeat_seconds", label="Beat every", unit="s", narrow=True),
            ),
            (
                Slot("tmsp.status_server.port", label="Status port"),
                Slot("tmsp.status_server.upload_kbps", label="Up", narrow=True, leans=True),
                Slot("tmsp.status_server.download_kbps", label="Down", unit="KB/s", narrow=True, leans=True),
            ),
        ),
        "proxy": (
            (Slot("proxy.enabled"),),
            (Slot("proxy.type", label="Type"),),
            (Slot("proxy.host", 26), Slot("proxy.port", label="Port", narrow=True)),
            (Slot("proxy.username", label="User name"),),
            (Slot("proxy.password", label="Password"),),
        ),
        "trust": ((Slot("trust.ca_file", 40),),),
        "console": (
            (Slot("console.idle_minutes", unit="min without a key, 0 never"),),
            (Slot("console.trial_minutes", unit="min without a confirmation"),),
        ),
        "spool": (
            (Slot("spool.max_mib", unit="MiB"),),
            (Slot("spool.max_days", unit="days"),),
        ),
        "patterns": ((Slot("patterns.deploy"),),),
    }
)
"""The rows of each form, by the name that the settings' declarations give the screen."""


def slots_of(form: str) -> tuple[Slot, ...]:
    """The fields of a form in its order."""
    return tuple(slot for row in FORMS.get(form, ()) for slot in row)


def keys_of(form: str) -> tuple[str, ...]:
    """The settings on a form in its order; none for what is no form."""
    return tuple(slot.key for slot in slots_of(form))


def in_order(keys: Collection[str]) -> list[str]:
    """Settings as they stand on the forms, the first form's first; what stands on none comes last."""
    standing = {slot.key: None for form in FORMS for slot in slots_of(form)}
    return [key for key in standing if key in keys] + [key for key in keys if key not in standing]
