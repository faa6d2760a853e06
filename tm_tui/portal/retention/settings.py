"""What portal.toml says about how long things are kept. Its docstrings document each setting."""

from typing import Annotated

from pydantic import AfterValidator, Field

from tm_tui.settings.model import Part
from tm_tui.settings.types import refusal

__all__ = ["Retention"]

_Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
_SHORTEST = {"events": 120, "batches": 1, "cases": 1, "reports": 90, "beats": 31, "fleet": 31, "audit": 30}
_SHORTEST |= {"alerts": 7}


def _at_least(kind: str) -> AfterValidator:
    """0, or so many days: what reports, charts and senders need."""
    shortest = _SHORTEST[kind]

    def check(days: int) -> int:
        if 0 < days < shortest:
            cause = f"So few days are not enough for what the portal makes of {kind}."
            raise refusal("retention", cause, f"Enter at least {shortest}, or 0 for ever.")
        return days

    return AfterValidator(check)


class Retention(Part):
    """Days that each thing is kept; 0: for ever. A sweep a day takes away what is older, in small pieces."""

    events: Annotated[_Days, _at_least("events")] = 120
    """Threat events and root causes in the database, and their counts by day, from when they happened and
    came. At least 120, which reports need."""
    batches: Annotated[_Days, _at_least("batches")] = 0
    """Files of batches that were read, from when they came. The name of one that went stays known: it is
    never taken anew."""
    cases: Annotated[_Days, _at_least("cases")] = 0
    """Files of cases that were downloaded or have a pattern, from when that last changed. What is known of
    the case stays."""
    reports: Annotated[_Days, _at_least("reports")] = 0
    """Reports, from when they were made, at least 90. Of one appliance the newest 2,000 are kept at most."""
    beats: Annotated[_Days, _at_least("beats")] = 120
    """Beats by day and appliance, at least 31, which charts need."""
    fleet: Annotated[_Days, _at_least("fleet")] = 400
    """How the fleet stood by day, at least 31, which charts need."""
    audit: Annotated[_Days, _at_least("audit")] = 400
    """Who did what, at least 30."""
    alerts: Annotated[_Days, _at_least("alerts")] = 90
    """Alerts that are over, and messages that went out or were given up, at least 7."""

    def oldest(self, kind: str, now: float) -> float | None:
        """From which moment on (Unix seconds) things of a kind are kept; None: all of them."""
        days: int = getattr(self, kind)
        return now - days * 86400.0 if days else None

    def origin(self, kind: str) -> str:
        """Where the value comes from."""
        return "portal.toml" if kind in self.model_fields_set else "default"
