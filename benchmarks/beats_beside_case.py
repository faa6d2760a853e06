"""Beats beside an upload: `python -m benchmarks.beats_beside_case` (13 minutes as the issue has it).

A case of 200 MB goes at a limit of 256 KB/s; the portal's own log says when beats came. Printed are the
intervals between them, as shares of what was set, with and without the upload.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from e2e.lab import Lab, lab
from tm_tui.api.client import AgentAbsent, ControlClient
from tm_tui.api.requests import SubmitRequest

INTERVAL = 5


def beats(bench: Lab) -> list[float]:
    """When the portal accepted beats, by its log."""
    found = []
    for line in (bench.folder / "portal.log").read_text().splitlines():
        said = json.loads(line)
        if said.get("path") == "/v1/heartbeat" and said.get("status") == 200:
            found.append(datetime.fromisoformat(said["at"]).timestamp())
    return found


def shares(moments: list[float]) -> dict[str, float]:
    """Intervals as shares of the one that was set."""
    gaps = sorted((b - a) / INTERVAL for a, b in pairwise(moments))
    return {
        "beats": len(moments),
        "shortest": round(gaps[0], 3),
        "mean": round(sum(gaps) / len(gaps), 3),
        "longest": round(gaps[-1], 3),
    }


async def answers(client: ControlClient) -> bool:
    """Whether the agent is there."""
    try:
        await client.session()
    except AgentAbsent:
        return False
    return True


async def story(bench: Lab, megabytes: int, kbps: int, quiet: float) -> None:
    """Beats alone, then beside an upload until the portal has it."""
    bench.start("agent.log", "agent")
    async with ControlClient(bench.home / "run" / "control.sock") as client:
        while not await answers(client):  # noqa: ASYNC110  nobody announces a new socket
            await asyncio.sleep(0.1)
        settings = (*bench.settings(), "tmsp.status_server.upload_kbps", str(kbps))
        for words, said in (
            (("config", "set", *settings), ""),
            (("config", "secret", "tmsp"), "pw-of-bench\n"),
            (("config", "set", "tmsp.enabled", "true"), ""),
        ):
            done = bench.run(*words, stdin=said)
            assert done.returncode == 0, done.stderr
        await asyncio.sleep(quiet)
        alone = beats(bench)
        path = bench.folder / "dump.bin"
        path.write_bytes(os.urandom(megabytes * 1_000_000))
        began = time.time()
        number = (await client.submit_case(SubmitRequest(paths=(str(path),), endpoint="pc"))).number
        while (await client.case(number)).state != "submitted":  # noqa: ASYNC110  a look now and then is enough
            await asyncio.sleep(0.5)
        seconds = time.time() - began
        beside = [moment for moment in beats(bench) if began <= moment <= began + seconds]
        missed = (await client.status()).status_server.beats_missed
    print(json.dumps({"what": "beats alone", **shares(alone)}))
    print(json.dumps({"what": "beats beside the upload", **shares(beside), "missed": missed}))
    print(
        json.dumps(
            {
                "what": "upload",
                "megabytes": megabytes,
                "seconds": round(seconds, 1),
                "share_of_limit": round(megabytes * 1000 / seconds / kbps, 3),
            }
        )
    )


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--megabytes", type=int, default=200)
    options.add_argument("--kbps", type=int, default=256)
    options.add_argument("--quiet", type=float, default=60.0)
    given = options.parse_args()
    with lab("pw-of-bench") as bench:
        asyncio.run(story(bench, given.megabytes, given.kbps, given.quiet))


if __name__ == "__main__":
    main()
