"""The long campaign of faults: `python -m benchmarks.faults 1000`, of the same code as tests/faults.

Round after round with a fresh appliance (tests/spooling/rounds.py): kill -9 of the appliance at named points
and at random moments, of the real agent, of nginx, sshd and our portal; cut lines and swallowed replies; full
and read-only disks here and there; files that the disk alters; a clock that is a day wrong. Each round ends
with reading the server's files. The first event that is missing, twice, altered or out of order ends it all.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.peers import openssh, row, web
from spooling import killing
from spooling.rounds import ROUNDS, Servers


def main() -> None:
    """Run rounds until so many kills were survived."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("kills", type=int, nargs="?", default=1000)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--only", help="the name of one kind of round")
    given = options.parse_args()
    chosen = [
        (kind, server)
        for kind, servers in ROUNDS
        for server in servers
        if given.only in {None, kind.__name__}
    ]
    chance = random.Random(given.seed)
    kills: Counter[str] = Counter()
    rounds: Counter[str] = Counter()
    events = lost = 0
    began = time.monotonic()
    print(json.dumps({"seed": given.seed}), flush=True)
    with web() as (server, certificates), openssh() as daemon:
        servers = Servers(killing.Nginx(server), certificates, killing.OpenSsh(daemon))
        try:
            while kills.total() < given.kills:
                kind, name = chosen[rounds.total() % len(chosen)]
                with tempfile.TemporaryDirectory(prefix="tm-faults-", dir="/var/tmp") as base:
                    done = kind(servers, name, Path(base), chance)
                    acknowledged, lost = done.acknowledged, lost + getattr(done, "lost", 0)
                rounds[kind.__name__] += 1
                kills[kind.__name__] += done.kills
                events += acknowledged
                told = {"round": rounds.total(), "kind": kind.__name__, "server": name, "kills": done.kills}
                print(json.dumps(told | {"events": acknowledged, "all_kills": kills.total()}), flush=True)
        finally:
            servers.nginx.stop()
            servers.sshd.stop()
    for kind_name, number in kills.items():
        row(kind_name, f"{rounds[kind_name]} rounds", f"{number} kills")
    minutes = (time.monotonic() - began) / 60
    row(
        "all",
        f"{rounds.total()} rounds",
        f"{kills.total()} kills",
        f"{events:,} events",
        f"{minutes:.0f} min",
    )
    row("", "", f"{lost} events of damaged files counted as lost, nothing else missing, nothing twice")


if __name__ == "__main__":
    main()
