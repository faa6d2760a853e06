"""The bandwidth limit, both directions, against curl and rsync: `python -m benchmarks.limiter`.

Ours goes the way of cases and patterns: https_client with a Bandwidth, TLS, stock nginx. curl has the same
server, rsync its own daemon on loopback. All pass a relay that counts the bytes on the line: the mean from
the first bytes to the last, and the greatest second, as shares of the limit.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from pydantic import SecretStr

from benchmarks.peers import web
from servers.certificates import Certificates
from servers.process import daemon, program
from servers.web import PASSWORD, USER, Web
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.https import call, https_client
from tm_tui.link.types import Credentials, Endpoint, Limits, Link

RATES = (64_000, 256_000, 1_000_000, 10_000_000)
Figures = dict[str, dict[str, float]]


class Relay:
    """The counting relay's process."""

    def __init__(self, port: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.relay", str(port)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def figures(self) -> Figures:
        """Wait for the connection's end."""
        said, _ = self.process.communicate(timeout=60)
        return json.loads(said)


async def _content(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 65536):
        yield os.urandom(min(65536, size - start))


def _link(port: int, certificates: Certificates, folder: Path) -> Link:
    trust = Trust(certificates.ca_pem, HostKeys(folder / "host_keys"))
    credentials = Credentials(USER, SecretStr(PASSWORD))
    return Link(Endpoint("127.0.0.1", port), credentials, None, trust, Limits(reply=60.0))


async def ours(way: str, rate: int, size: int, server: Web, certificates: Certificates) -> Figures:
    """Our client."""
    relay = await asyncio.to_thread(Relay, server.port)
    link = _link(relay.port, certificates, server.root.parent)
    bandwidth = Bandwidth(rate // 1000, rate // 1000)
    async with https_client(link, bandwidth=bandwidth) as client:
        if way == "upload":
            headers = {"content-length": str(size)}
            await call(client, "PUT", f"/logs/bench-{rate}", content=_content(size), headers=headers)
        else:
            await call(client, "GET", "/large-file", most_bytes=size)
    return await asyncio.to_thread(relay.figures)


def curl(way: str, rate: int, size: int, server: Web, certificates: Certificates) -> Figures:
    """--limit-rate, towards the same server."""
    relay = Relay(server.port)
    with tempfile.NamedTemporaryFile() as file:
        os.truncate(file.name, size)
        options = ["-s", "--cacert", str(certificates.ca_file), "--limit-rate", str(rate), "-H", "Expect:"]
        options += ["--http1.1", "-o", "/dev/null", "-u", f"{USER}:{PASSWORD}"]
        if way == "upload":
            options += ["-T", file.name, f"https://127.0.0.1:{relay.port}/logs/curl-{rate}"]
        else:
            options += [f"https://127.0.0.1:{relay.port}/large-file"]
        subprocess.run(["curl", *options], check=True)
    return relay.figures()


@contextlib.contextmanager
def rsync_daemon(folder: Path) -> Iterator[int]:
    """A daemon with one module that may be read and written."""
    config = folder / "rsyncd.conf"
    config.write_text(f"use chroot = no\n[bench]\npath = {folder}\nread only = no\nuid = root\ngid = root\n")

    def command(ports: list[int]) -> list[str]:
        where = [f"--port={ports[0]}", "--address=127.0.0.1", f"--config={config}"]
        return [program("rsync"), "--daemon", "--no-detach", *where]

    with daemon(command, 1, folder / "rsyncd.log") as ports:
        yield ports[0]


def rsync(way: str, rate: int, size: int, folder: Path, port: int) -> Figures:
    """--bwlimit, towards rsync's own daemon."""
    relay = Relay(port)
    file = folder / f"rsync-{rate}"
    file.write_bytes(os.urandom(size))
    there = f"rsync://127.0.0.1:{relay.port}/bench/"
    words = (
        [str(file), f"{there}up-{rate}"]
        if way == "upload"
        else [f"{there}{file.name}", f"{folder}/down-{rate}"]
    )
    subprocess.run(["rsync", "--whole-file", f"--bwlimit={rate // 1000}KB", *words], check=True)
    return relay.figures()


def measured(
    way: str, rate: int, seconds: float, server: Web, *, certificates: Certificates, port: int
) -> Iterator[tuple[str, Figures]]:
    """All three, one after the other."""
    size = int(rate * seconds)
    folder = server.root.parent
    (server.root / "large-file").write_bytes(os.urandom(size))
    yield "ours", asyncio.run(ours(way, rate, size, server, certificates))
    yield "curl", curl(way, rate, size, server, certificates)
    yield "rsync", rsync(way, rate, size, folder, port)


def main() -> None:
    """Measure and print one line of JSON a figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=4.5)
    given = options.parse_args()
    with web() as (server, certificates), rsync_daemon(server.root.parent) as port:
        for rate in RATES:
            for way in ("upload", "download"):
                for name, found in measured(
                    way, rate, given.seconds, server, certificates=certificates, port=port
                ):
                    passed = found["up" if way == "upload" else "down"]
                    shares = {key: round(passed[key] / rate, 3) for key in ("mean", "peak_second")}
                    print(json.dumps({"what": way, "by": name, "bytes_a_second": rate, **shares}), flush=True)


if __name__ == "__main__":
    main()
