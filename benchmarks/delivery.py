"""End to end and uploads: `python -m benchmarks.delivery`.

End to end: events go into the spool while the service delivers them to nginx over HTTPS, until nginx has all.
Uploads: batches of 4 MB of random bytes to nginx against curl, and to OpenSSH against its own sftp with the
same cipher, here and with a round trip of 50 ms. Each pair is measured three times in turn; the best counts.
"""

import argparse
import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.far import far_away
from benchmarks.peers import openssh, row, scratch, web
from spooling.campaign import over_ssh, over_ssl
from spooling.child import APPLIANCE, link_of
from spooling.events import line, threat_event
from spooling.working import at_work
from tm_tui.delivery.carrier import carrier_for
from tm_tui.delivery.service import DeliveryService
from tm_tui.spool.store import Spool

EVENT = line(threat_event(threat={"name": "TROJ_GENERIC.DIT" * 12, "severity": "high"}))
PIECE, PIECES = 4 << 20, 24
ROUND_TRIP_MS = 50


async def end_to_end(folder: Path, config: dict[str, object], events: int) -> dict[str, object]:
    """Take events in and deliver them at the same time."""
    async with await Spool.open(folder / "spool", APPLIANCE) as spool:
        service = DeliveryService(spool, link_of(config), protocol="ssl", appliance=APPLIANCE, interval=86400)

        async def produce() -> None:
            for _ in range(events // 4000):
                await spool.add([EVENT] * 1000)

        async with at_work(service):
            began, cpu = time.perf_counter(), time.process_time()
            producing = asyncio.gather(*(produce() for _ in range(4)))
            while not producing.done() or spool.status().events:
                await service.send_now()
            await producing
            seconds, used = time.perf_counter() - began, time.process_time() - cpu
            delivered = service.status().delivered_events
    return {
        "events_a_second": round(delivered / seconds),
        "cpu_us_an_event": round(used / delivered * 1e6, 1),
    }


async def upload(config: dict[str, object], protocol: str, pieces: int = PIECES) -> float:
    """MB/s of our carrier, one session, batch after batch."""
    data = os.urandom(PIECE)
    mark = os.urandom(4).hex()
    async with carrier_for(link_of(config), protocol, APPLIANCE) as carrier:  # type: ignore[arg-type]
        await carrier.deliver(f"warm-up-{mark}", data, lambda _: None, again=False)
        began = time.perf_counter()
        for number in range(pieces):
            await carrier.deliver(f"batch-{mark}-{number}", data, lambda _: None, again=False)
        return PIECE * pieces / (time.perf_counter() - began) / 1e6


def curl(folder: Path, config: dict[str, object], ca: Path, pieces: int = PIECES) -> float:
    """MB/s of curl for the same files over one connection."""
    (folder / "data").write_bytes(os.urandom(PIECE))
    urls = []
    for number in range(pieces):
        urls += [
            "-T",
            str(folder / "data"),
            f"https://127.0.0.1:{config['port']}/logs/{APPLIANCE}/curl-{number}",
        ]
    command = [
        "curl",
        "-sSf",
        "--http1.1",
        "--cacert",
        str(ca),
        "-u",
        f"{config['username']}:{config['password']}",
        *urls,
    ]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return PIECE * pieces / (time.perf_counter() - began) / 1e6


def sftp(folder: Path, config: dict[str, object], pieces: int = PIECES) -> float:
    """MB/s of OpenSSH's sftp for the same files, aes128-gcm."""
    (folder / "data").write_bytes(os.urandom(PIECE))
    ask = folder / "ask"
    ask.write_text('#!/bin/sh\nprintf "%s\\n" "$TM_PASSWORD"\n')
    ask.chmod(0o700)
    batch = "".join(f"put {folder}/data sftp-{number}\n" for number in range(pieces))
    options = (
        *("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"),
        *("Ciphers=aes128-gcm@openssh.com", "BatchMode=no", "PubkeyAuthentication=no"),
    )
    command = ["sftp", "-q", *(part for option in options for part in ("-o", option))]
    command += ["-P", str(config["port"]), "-b", "-", f"{config['username']}@127.0.0.1"]
    environment = os.environ | {
        "SSH_ASKPASS": str(ask),
        "SSH_ASKPASS_REQUIRE": "force",
        "TM_PASSWORD": str(config["password"]),
    }
    began = time.perf_counter()
    subprocess.run(command, input=batch, text=True, check=True, stdout=subprocess.DEVNULL, env=environment)
    return PIECE * pieces / (time.perf_counter() - began) / 1e6


def told(who: str, figure: dict[str, object], *cells: str) -> None:
    """Print one line of JSON, and a row for docs/benchmarks.md."""
    print(json.dumps({"who": who} | figure), flush=True)
    row(who, *cells)


def compare(who: str, peer: str, ours: Callable[[], float], theirs: Callable[[], float]) -> None:
    """Measure both in turn, three times; the best counts."""
    pairs = [(ours(), theirs()) for _ in range(3)]
    mine, other = (max(values) for values in zip(*pairs, strict=True))
    figure = {"mb_a_second": round(mine, 1), peer: round(other, 1), f"times_{peer}": round(mine / other, 2)}
    told(who, figure, f"{mine:.0f} MB/s", f"{peer} {other:.0f} MB/s", f"{mine / other:.2f}x")


def main() -> None:
    """Measure and print one line of JSON a figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=200_000)
    given = options.parse_args()
    with scratch() as folder, web() as (server, certificates):
        config = over_ssl(server, certificates, folder).config
        found = max(
            (asyncio.run(end_to_end(folder / str(n), config, given.events)) for n in range(2)), key=rate
        )
        cells = f"{found['events_a_second']:,} events/s", f"{found['cpu_us_an_event']} us of CPU an event"
        told("end to end, SSL", found, *cells)
        ca = certificates.ca_file
        compare(
            "upload over SSL",
            "curl",
            lambda: asyncio.run(upload(config, "ssl")),
            lambda: curl(folder, config, ca),
        )
    with scratch() as folder, openssh() as daemon:
        config = over_ssh(daemon, folder).config
        compare(
            "upload over SSH",
            "sftp",
            lambda: asyncio.run(upload(config, "ssh")),
            lambda: sftp(folder, config),
        )
        with far_away(daemon.port, ROUND_TRIP_MS) as port:
            there = over_ssh(daemon, folder, port).config
            compare(
                f"upload over SSH, {ROUND_TRIP_MS} ms away",
                "sftp",
                lambda: asyncio.run(upload(there, "ssh", 8)),
                lambda: sftp(folder, there, 8),
            )


def rate(figure: dict[str, object]) -> int:
    """What is compared of two runs."""
    return int(str(figure["events_a_second"]))


if __name__ == "__main__":
    main()
