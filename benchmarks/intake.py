"""Durable intake, events a second, side by side with rsyslog: `python -m benchmarks.intake`.

Ours: `Spool.add` returns after the fsync; some callers at once, each waiting for its own answer. rsyslog: a
disk queue with a checkpoint and a sync for each record and the sink down, as that is the setting that lost
nothing under kill -9 (its defaults do not sync at all). Its lines come over one TCP connection as fast as it
reads, and it may take many at once; counted is the time until the last one is in the queue file. Both are
measured three times in turn, and the best of each counts.
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

from benchmarks.peers import mixed_lines, row, scratch
from servers.process import free_port, is_open
from tm_tui.spool.store import Spool

CALLERS = ((1, 1), (1, 64), (10, 16), (100, 16), (1000, 4))
"""Events a call, callers at once."""
RSYSLOG = """
module(load="imptcp")
global(workDirectory="{work}" maxMessageSize="64k")
main_queue(queue.type="Disk" queue.filename="q" queue.checkpointInterval="1" queue.syncQueueFiles="on"
           queue.maxFileSize="1g" queue.timeoutEnqueue="60000")
input(type="imptcp" port="{port}" address="127.0.0.1")
action(type="omfwd" target="127.0.0.1" port="1" protocol="tcp" action.resumeRetryCount="-1")
"""


async def ours(folder: Path, size: int, callers: int, seconds: float) -> tuple[float, float]:
    """Events a second and microseconds of CPU an event, with some callers at once."""
    done = 0
    lines = mixed_lines(size)
    async with await Spool.open(folder, "tm-benchmark") as spool:
        began, cpu = time.perf_counter(), time.process_time()

        async def call() -> None:
            nonlocal done
            while time.perf_counter() - began < seconds:
                intake = await spool.add(lines)
                done += intake.accepted

        await asyncio.gather(*(call() for _ in range(callers)))
        return done / (time.perf_counter() - began), (time.process_time() - cpu) / done * 1e6


def rsyslog(folder: Path, events: int) -> float | None:
    """Events a second into rsyslog's synced disk queue; None if there is no rsyslog."""
    program = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")
    if not program:
        return None
    work, port = folder / "rsyslog", free_port()
    work.mkdir(parents=True)
    (folder / "rsyslog.conf").write_text(RSYSLOG.format(work=work, port=port))
    command = [program, "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "rsyslog.pid")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_open(port):
            os.sched_yield()
        began = time.perf_counter()
        lines = mixed_lines(1000) * (events // 1000)
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(b"".join(b"<134>1 - - - - - - " + line + b"\n" for line in lines))
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
    """Measure and print one line of JSON a figure, then rows for docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--events", type=int, default=10_000, help="for rsyslog")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    peers: list[float] = []
    best: dict[tuple[int, int], tuple[float, float]] = {}
    with scratch() as folder:
        for number in range(given.rounds):
            if (peer := rsyslog(folder / f"peer-{number}", given.events)) is not None:
                peers.append(peer)
            for size, callers in CALLERS:
                place = folder / f"spool-{number}-{size}-{callers}"
                found = asyncio.run(ours(place, size, callers, given.seconds))
                best[size, callers] = max(best.get((size, callers), (0.0, 0.0)), found)
                shutil.rmtree(place)
    if not peers:
        print(json.dumps({"skipped": "rsyslog is not installed (apt-get install rsyslog)"}))
    for (size, callers), (rate, cpu) in best.items():
        figure = {"events_a_call": size, "callers": callers, "events_a_second": round(rate)}
        told = figure | {"cpu_us_an_event": round(cpu, 1), "rsyslog": [round(peer) for peer in peers]}
        print(json.dumps(told), flush=True)
        ratio = f"{rate / max(peers):.1f}x of rsyslog's {max(peers):,.0f}" if peers else "no rsyslog here"
        row(f"{size:,} a call, {callers} callers", f"{rate:,.0f}/s", f"{cpu:.1f} us of CPU", ratio)


if __name__ == "__main__":
    main()
