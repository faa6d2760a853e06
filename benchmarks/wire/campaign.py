"""A long campaign of random sessions: our screen and stock Textual's must be the same, cell by cell.

python -m benchmarks.wire.campaign [STEPS] [SEED]

Rounds of sessions on the sample app and on the real console, on every capability set, until so many steps
(keys, events, resizes) were done. Ends with 1 at the first difference, which it prints with the step.
"""

import subprocess
import sys

from tests.wire.subjects import SUBJECTS
from tests.wire.twins import SETS_TO_TRY, THEMES

_A_SESSION = 250


def main() -> int:
    """Run rounds; print how many steps were equal after each."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    done = 0
    while done < wanted:
        for subject in SUBJECTS:
            for number in range(len(SETS_TO_TRY)):
                words = [subject, str(number), THEMES[seed % len(THEMES)], str(_A_SESSION), str(seed)]
                command = [sys.executable, "-m", "tests.wire.twins", *words]
                ended = subprocess.run(command, capture_output=True, text=True, check=False)
                if ended.returncode:
                    print(f"{' '.join(words)}: {ended.stdout}{ended.stderr[-5000:]}")
                    return 1
                done += int(ended.stdout.split()[0])
        print(f"{done} steps equal, seed {seed}", flush=True)
        seed += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
