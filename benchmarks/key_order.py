"""Random keys at every pace against the same keys typed slowly.

`python -m benchmarks.key_order [N] [--seed S] [--paces 1..8]`. Each sequence is typed slowly (every key with
the screen at rest), then at some other paces; what the screen shows, what is typed and what the agent was
asked for must be the same. The exit status is 1 when they differ.
"""

import argparse
import random
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tests.wire.key_order import PACES, Differs, compare, typing_of

__all__: list[str] = []


def one(seed: int, paces: int) -> str:
    """Play one sequence; what differed, or nothing."""
    chosen = tuple(random.Random(seed).sample(PACES, paces))
    try:
        compare(typing_of(seed), chosen)
    except Differs as differs:
        return str(differs)
    return ""


def main() -> int:
    """Play them, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--paces", type=int, default=3, choices=range(1, len(PACES) + 1))
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    seeds = range(chosen.seed, chosen.seed + chosen.number)
    differ = 0
    with ThreadPoolExecutor(chosen.jobs) as pool:
        playing = {pool.submit(one, seed, chosen.paces): seed for seed in seeds}
        for done in as_completed(playing):
            if words := done.result():
                differ += 1
                print(f"seed {playing[done]}, {words}", flush=True)
    print(f"{chosen.number} sequences at {chosen.paces} paces each beside the slow one: {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
