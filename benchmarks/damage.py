"""The long campaign of damage to the spool's files: `python -m benchmarks.damage 5000 --seed 1`.

Of the same code as tests/engine/spool/test_spool_fuzz.py. Cuts at every byte of a page, sectors zeroed or of
anything, bits turned, files swapped, gone, grown, of an earlier moment, replaced by folders, pipes and links;
in the database, its log, batches, marks and every other file. The first round that does not open, stops,
delivers twice, altered or out of order, or says nothing of what is missing ends it all.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from benchmarks.peers import row
from spooling.damage_campaign import PAGE, DamageCampaign, small_pages

_TOLD_EVERY = 500


async def rounds(number: int, seed: int, first: int, cuts: int) -> DamageCampaign:
    """So many rounds, then so many cuts, at each byte of a page in turn."""
    with tempfile.TemporaryDirectory(prefix="tm-damage-", dir="/dev/shm") as base:
        campaign = DamageCampaign(Path(base), seed)
        await campaign.prepare()
        for turn in range(first, first + number):
            await campaign.round(turn)
            if (turn + 1) % _TOLD_EVERY == 0:
                print(json.dumps({"rounds": turn + 1, "events_lost": campaign.outcome.lost}), flush=True)
        for byte in range(cuts):
            await campaign.cut_at(byte)
    return campaign


def main() -> None:
    """Run them and tell."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rounds", type=int, nargs="?", default=5000)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--first", type=int, default=0, help="the round to begin with")
    options.add_argument("--cuts", type=int, default=PAGE, help="cuts, one a byte of a page")
    given = options.parse_args()
    print(json.dumps({"seed": given.seed}), flush=True)
    small_pages()
    began = time.monotonic()
    outcome = asyncio.run(rounds(given.rounds, given.seed, given.first, given.cuts)).outcome
    for what, number in sorted(outcome.hits.items()):
        row(what, f"{number} times")
    minutes = (time.monotonic() - began) / 60
    row("all", f"{outcome.rounds} rounds", f"{outcome.whole} without a loss", f"{minutes:.0f} min")
    row("", f"{outcome.lost} events of damaged files missing and told, nothing twice, nothing altered")


if __name__ == "__main__":
    main()
