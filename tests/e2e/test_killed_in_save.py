"""The agent dies while it saves."""

from e2e.killing import kill_in_saves
from e2e.lab import short_folder


async def test_old_or_new_revision_whole() -> None:
    """After a kill at any moment of a save the agent starts, and holds the old or the new revision whole."""
    with short_folder() as folder:
        held = await kill_in_saves(folder, rounds=20, seed=4711)
    assert sum(held.values()) == 20
