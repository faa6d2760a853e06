"""The last step: how far the appliance's clock is from the server's."""

from datetime import timedelta

from tm_tui.errors import TmError
from tm_tui.probe.events import Steps
from tm_tui.spoken import apart

__all__ = ["CLOCK_SKEW", "MOST_SKEW_SECONDS", "check_skew"]

CLOCK_SKEW = "clock-skew"
_DAY = 86400.0
MOST_SKEW_SECONDS = 300.0
"""Beyond this, times in logs mislead, and certificates soon seem expired or not yet valid."""


def check_skew(steps: Steps, ahead: float | None, authority: str) -> None:
    """Run the step. `ahead`: the appliance's clock minus the server's, in seconds; None if it tells none."""
    steps.start("clock")
    if ahead is None:
        steps.skip("clock", "the server does not tell its time")
        return
    seconds = abs(ahead)
    if seconds <= MOST_SKEW_SECONDS:
        steps.passed(f"{seconds:.1f} s {'ahead' if ahead >= 0 else 'behind'}")
        return
    short = f"{timedelta(seconds=round(seconds))} {'ahead of' if ahead >= 0 else 'behind'}"
    far = short if seconds < _DAY else apart(ahead)
    cause = f"The appliance's clock is {far} the clock of {authority}."
    remedy = (
        "Set the appliance's date and time, best by NTP. If they are right, tell the server's administrator."
    )
    steps.fail("clock", CLOCK_SKEW, TmError(cause, remedy))
