"""kill -9 of the agent in trials: `python -m benchmarks.kills_in_trial [ROUNDS] [SEED]`."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from e2e.killing_trials import kill_in_trials
from e2e.lab import short_folder

__all__: list[str] = []


def main() -> None:
    """Play it, and tell how often what held."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with short_folder() as folder:
        held = asyncio.run(kill_in_trials(folder, rounds, seed))
    shown = ", ".join(f"{what} {count} times" for what, count in sorted(held.items()))
    print(f"{rounds} kills: {shown}; nothing else, all whole")


if __name__ == "__main__":
    main()
