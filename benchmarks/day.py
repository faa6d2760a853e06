"""Days with random suspends, clock steps and zones: `python -m benchmarks.day [SEED] [DAYS]`.

A real agent and a real portal in one process, on one clock that is turned as fast as they follow. What must
hold of every day is checked (tests/day/rules.py); the status is 1 when it did not.
"""

import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from day.campaign import random_days

__all__: list[str] = []


def main() -> None:
    """Live through them, and tell."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    days = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    logging.disable(logging.CRITICAL)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tm-", dir=memory) as folder:
        seen, broken = asyncio.run(random_days(Path(folder), seed, days))
        print(
            f"seed {seed}, {days:g} days: {seen.disturbances} suspends and steps, {len(seen.beats)} beats, "
            f"{len(seen.deliveries)} deliveries, {seen.handed_in} events; broken: {len(broken)}"
        )
    for line in broken:
        print(f"  {line}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
