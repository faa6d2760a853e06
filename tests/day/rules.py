"""What must hold of any day, however often the machine slept and its clock was set."""

from itertools import pairwise

from day.lab import BEAT, HOUR, Day

__all__ = ["broken_rules"]

_EXCHANGE = 20.0
"""Seconds that a beat may take: it is on its grid as long as it is not later."""
_SLICE = 10.0
"""Seconds within which waits for a moment notice that the machine slept."""
_LOOK_AGAIN = 30.0
"""And those for a date."""


def broken_rules(it: Day) -> list[str]:
    """All that is wrong; nothing on a good day."""
    return [*it.wrong, *_beats(it), *_deliveries(it), *_events(it)]


def _beats(it: Day) -> list[str]:
    found = []
    for before, after in pairwise(it.beats):
        if after.boot - before.boot < 0.9 * BEAT - _EXCHANGE - 0.01:
            found.append(f"a beat doubled after {after.boot - before.boot} s at {after.boot}")
        if after.awake - before.awake > 1.1 * BEAT + _SLICE + 0.01:
            found.append(f"a beat lost: none for {after.awake - before.awake} s awake at {after.boot}")
    server, elapsed = it.agent.status().status_server, it.clock.boot - it.beats[0].boot
    due = elapsed / BEAT
    if abs(server.beats_accepted + server.beats_missed - due) > 0.03 * due + 1 + it.disturbances:
        found.append(f"{server.beats_accepted} beats and {server.beats_missed} missed of {due}")
    if it.product().beats != server.beats_accepted:
        found.append(f"{server.beats_accepted} beats here, {it.product().beats} there")
    return found


def _deliveries(it: Day) -> list[str]:
    found = [
        f"a delivery off the grid by {it.off_grid(one.wall)} s at {one.wall}"
        for one in it.deliveries
        if it.off_grid(one.wall) > 1 and one.awake - one.disturbed > _LOOK_AGAIN + 1
    ]
    for before, after in pairwise(it.deliveries):
        undisturbed = after.disturbed == before.disturbed
        between = (after.wall - before.wall).total_seconds()
        # One that was caught up may have left nothing for the next moment of the grid.
        longest = HOUR if it.off_grid(before.wall) < 1 else 2 * HOUR
        if undisturbed and between > longest + _LOOK_AGAIN + 1:
            found.append(f"no delivery between {before.wall} and {after.wall}")
        if undisturbed and after.awake - before.awake < 1:
            found.append(f"a delivery doubled at {after.wall}")
    return found


def _events(it: Day) -> list[str]:
    there, waiting = it.at_portal(), it.agent.spool.status().events
    twice = [name for name, times in there.items() if times != 1]
    if twice or len(there) + waiting != it.handed_in:
        return [f"{it.handed_in} events, {waiting} wait, {len(there)} there, {len(twice)} twice"]
    return []
