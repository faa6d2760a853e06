"""After `make test`: what failed runs once more, alone, so that a race between workers is told but not red.

Run as `python tests/alone.py STATUS` with the status that pytest ended with. Nothing is run again when more
than a handful failed, or what failed is no test: a file that cannot be read, pytest itself. What fails twice
is red.
"""

import json
import subprocess
import sys
from pathlib import Path

_FAILED = Path(".pytest_cache/v/cache/lastfailed")
_MOST = 5
_TESTS_FAILED = 1


def _failed() -> list[str]:
    """The tests that failed when they last ran, as pytest keeps them."""
    return sorted(json.loads(_FAILED.read_text())) if _FAILED.exists() else []


def _again(status: int) -> int:
    """Run them again where that may help; the status to end with."""
    first = _failed()
    if status != _TESTS_FAILED or not 0 < len(first) <= _MOST or not all("::" in name for name in first):
        return status
    print(f"\n{len(first)} failed beside other tests. Once more, alone:\n", flush=True)
    which = ["--last-failed", "--last-failed-no-failures=none"]
    status = subprocess.run([sys.executable, "-m", "pytest", "-n", "0", "-v", *which], check=False).returncode
    twice = _failed()
    print()
    for name in first:
        print("FAILED TWICE:" if name in twice else "passed only when alone:", name)
    return status


if __name__ == "__main__":
    sys.exit(_again(int(sys.argv[1])))
