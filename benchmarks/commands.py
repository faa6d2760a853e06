"""What the quick commands cost: the processor's time of what monitoring asks, against `python -c pass`.

`python -m benchmarks.commands [ROUNDS]`: all in turn beside one agent. Medians of the processor's time (user
and system), which other work on the machine changes least, and the ratio to Python's own in the same round.
`benchmarks.startup` says when the console has the agent's first values.
"""

import os
import statistics
import subprocess
import sys

from benchmarks.startup import COMMAND, agent

__all__: list[str] = []

COMMANDS = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "tm-tui status --check": (COMMAND, "status", "--check"),
    "tm-tui status --json": (COMMAND, "status", "--json"),
    "tm-tui config get": (COMMAND, "config", "get", "tmsp.log_server.host"),
}


def cost(argv: tuple[str, ...], environ: dict[str, str]) -> float:
    """Milliseconds of the processor for one run."""
    process = subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:  # 1: the check's warning, that sending is off
        raise SystemExit(f"{argv} ended with {process.returncode}")
    return (used.ru_utime + used.ru_stime) * 1000


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with agent() as environ:
        for turn in range(-1, rounds):  # the first one fills caches
            for name, argv in COMMANDS.items():
                figure = cost(argv, environ)
                if turn >= 0:
                    taken[name].append(figure)
    for name, figures in taken.items():
        ratio = statistics.median(a / b for a, b in zip(figures, taken["python -c pass"], strict=True))
        print(f"{name:24} {statistics.median(figures):7.1f} ms   {ratio:5.2f} x python -c pass")


if __name__ == "__main__":
    main()
