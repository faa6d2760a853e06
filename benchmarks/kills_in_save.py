"""kill -9 of the agent at random moments of a save: `python -m benchmarks.kills_in_save [ROUNDS] [SEED]`."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from e2e.killing import kill_in_saves
from e2e.lab import short_folder

__all__: list[str] = []


def main() -> None:
    """Play it, and tell how often which revision held."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with short_folder() as folder:
        held = asyncio.run(kill_in_saves(folder, rounds, seed))
    print(
        f"{rounds} kills; the old revision held {held['old']} times, the new {held['new']} times, all whole"
    )


if __name__ == "__main__":
    main()
