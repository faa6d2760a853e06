"""The long campaign: `python -m benchmarks.faults --kills 1000`, of the same code as tests/faults.

Each round is a fresh spool that is killed many times, at named points and at random moments, while nginx,
OpenSSH (its sessions) or our portal on the other side are killed too and lines are cut; then the server's
files are read.
"""

import argparse
import json
import random
import shutil
import time

from benchmarks.peers import openssh, scratch, web
from spooling import killing
from spooling.campaign import POINTS, Campaign, Target, over_ssh, over_ssl
from spooling.detour import detour

KILLS_A_ROUND = 25


def round_of(campaign: Campaign, chance: random.Random, fault: object, kills: int) -> dict[str, object]:
    """Kill, kill, kill, then finish and read the files."""
    while campaign.kills < kills:
        before = campaign.kills
        if chance.random() < 0.5:
            campaign.run(point=chance.choice(POINTS), count=chance.randrange(1, 4), seconds=20)
        else:
            campaign.run(seconds=chance.uniform(0.0, 0.6))
        if callable(fault) and chance.random() < 0.3:
            fault()
        if campaign.kills == before:
            break  # everything is delivered: nothing left to disturb
    held = campaign.finish()
    return {"kills": campaign.kills, "events": len(held.ids), "batches": len(held.batches)}


def main() -> None:
    """Run rounds until so many kills were survived; the first loss ends it with an AssertionError."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=1000)
    options.add_argument("--events", type=int, default=20_000, help="a round")
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    chance, total, number = random.Random(given.seed), 0, 0
    print(json.dumps({"seed": given.seed}), flush=True)
    with web() as (server, certificates), openssh() as daemon:
        nginx = killing.Nginx(server)
        while total < given.kills:
            number += 1
            with scratch() as base, killing.portal(base / "portal") as portal:
                ways: dict[str, tuple[Target, object]] = {
                    "nginx": (over_ssl(server, certificates, base), nginx.kill),
                    "openssh": (over_ssh(daemon, base), lambda: killing.kill_sessions(daemon)),
                    "portal-ssl": (portal.target("ssl", base), portal.kill),
                    "portal-ssh": (portal.target("ssh", base), portal.kill),
                }
                name = list(ways)[number % len(ways)]
                target, fault = ways[name]
                folder = base / "run"
                folder.mkdir()
                if name == "nginx" and number % 8 == 4:
                    with detour(server.port, seed=number, most=20_000) as way:
                        target = Target(target.config | {"port": way.port}, target.files)
                        campaign = Campaign(folder, target, given.events)
                        campaign.run(seconds=5)
                        way.calm = True
                        figure = round_of(campaign, chance, fault, KILLS_A_ROUND)
                else:
                    figure = round_of(Campaign(folder, target, given.events), chance, fault, KILLS_A_ROUND)
                total += int(str(figure["kills"]))
                print(json.dumps({"round": number, "server": name, **figure, "all_kills": total}), flush=True)
                shutil.rmtree(target.files, ignore_errors=True)
        nginx.stop()


if __name__ == "__main__":
    main()
