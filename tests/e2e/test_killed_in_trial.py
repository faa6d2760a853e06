"""The real agent, killed while settings are saved on trial, confirmed and taken back."""

from e2e.killing_trials import kill_in_trials
from e2e.lab import short_folder


async def test_killed_at_random_moments_of_a_trial() -> None:
    """Kill -9 at any moment: the old settings, the tried ones with their way back, or the confirmed ones."""
    with short_folder() as folder:
        held = await kill_in_trials(folder, 8, seed=6)
    assert held.total() == 8
