"""Durable intake, events a second, side by side with rsyslog: `python -m benchmarks.intake`.

Ours: `Spool.add` returns after the fsync. rsyslog: a disk queue with a checkpoint and a sync for each record
and the sink down, as that is the setting that lost nothing under kill -9 (its defaults do not sync at all).
Lines come over a TCP connection; counted is the time until the last one is in the queue file.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from benchmarks.peers import scratch
from servers.process import free_port, is_open
from spooling.events import line, threat_event
from tm_tui.spool.store import Spool

CALLERS = {1: 64, 10: 16, 100: 8, 1000: 4}
EVENT = line(threat_event(threat={"name": "TROJ_GENERIC.DIT" * 12, "severity": "high"}))
RSYSLOG = """
module(load="imptcp")
global(workDirectory="{work}" maxMessageSize="64k")
main_queue(queue.type="Disk" queue.filename="q" queue.checkpointInterval="1" queue.syncQueueFiles="on"
           queue.maxFileSize="1g" queue.timeoutEnqueue="60000")
input(type="imptcp" port="{port}" address="127.0.0.1")
action(type="omfwd" target="127.0.0.1" port="1" protocol="tcp" action.resumeRetryCount="-1")
"""


async def ours(folder: Path, size: int, seconds: float) -> tuple[float, float]:
    """Events a second and microseconds of CPU an event, with some callers at once."""
    done = 0
    async with await Spool.open(folder / f"spool-{size}", "tm-benchmark") as spool:
        began, cpu = time.perf_counter(), time.process_time()

        async def call() -> None:
            nonlocal done
            while time.perf_counter() - began < seconds:
                intake = await spool.add([EVENT] * size)
                done += intake.accepted

        await asyncio.gather(*(call() for _ in range(CALLERS[size])))
        return done / (time.perf_counter() - began), (time.process_time() - cpu) / done * 1e6


def rsyslog(folder: Path, events: int) -> float | None:
    """Events a second into rsyslog's synced disk queue; None if there is no rsyslog."""
    program = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")
    if not program:
        return None
    work, port = folder / "rsyslog", free_port()
    work.mkdir()
    (folder / "rsyslog.conf").write_text(RSYSLOG.format(work=work, port=port))
    command = [program, "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "rsyslog.pid")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_open(port):
            os.sched_yield()
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(b"".join(b"<134>1 - - - - - - " + EVENT + b"\n" for _ in range(events)))
            sender.sendall(b"<134>1 - - - - - - the-last-one\n")
            while not _holds(work, b"the-last-one"):
                time.sleep(0.02)
        return events / (time.perf_counter() - began)
    finally:
        process.kill()
        process.wait()


def _holds(work: Path, mark: bytes) -> bool:
    for path in work.glob("q.0*"):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            if mark in file.read():
                return True
    return False


def main() -> None:
    """Measure and print one line of JSON a figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=4.0)
    options.add_argument("--events", type=int, default=20_000, help="for rsyslog")
    given = options.parse_args()
    with scratch() as folder:
        peer = rsyslog(folder, given.events)
        if peer is None:
            print(json.dumps({"skipped": "rsyslog is not installed (apt-get install rsyslog)"}))
        else:
            print(
                json.dumps({"who": "rsyslog, disk queue, checkpoint 1, sync", "events_a_second": round(peer)})
            )
        for size, callers in CALLERS.items():
            rate, cpu = asyncio.run(ours(folder, size, given.seconds))
            figure = {
                "who": "tm-tui",
                "events_a_call": size,
                "callers": callers,
                "events_a_second": round(rate),
            }
            ratio = {"times_rsyslog": round(rate / peer, 2)} if peer else {}
            print(json.dumps(figure | {"cpu_us_an_event": round(cpu, 1)} | ratio), flush=True)


if __name__ == "__main__":
    main()
