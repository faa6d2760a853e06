"""The check of a pattern repository with 10,000 targets: ours beside python-tuf's stock client, same server.

`python -m benchmarks.patterns` prints one JSON object. First: nothing is known yet. Again: nothing is new.
The stock client refreshes and looks up one target; ours lists all, and picks the newest twenty. Neither
downloads a pattern.
"""

import asyncio
import hashlib
import json
import os
import resource
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import trustme
from tuf.api.metadata import TargetFile

from patterning.repository import Repository
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.https import LinkClient, https_client
from tm_tui.link.types import Endpoint, Link
from tm_tui.patterns.fetcher import LinkFetcher, LoopCalls, Patience, in_thread
from tm_tui.patterns.repository import Repository as Ours
from tm_tui.patterns.repository import Seen

TARGETS = 10_000
ROUNDS = 5


class Quiet(SimpleHTTPRequestHandler):
    """Static files without a log."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def repository(folder: Path) -> bytes:
    """Write a repository; its root."""
    made = Repository()
    for number in range(1, TARGETS + 1):
        digest = hashlib.sha256(b"%d" % number).hexdigest()
        about = {"id": number, "type": "bandage", "version": "1.0", "description": f"Pattern {number}"}
        target = TargetFile(9, {"sha256": digest}, f"pattern-{number:09d}", {"custom": about})
        made.targets.targets[target.path] = target
    made.publish()
    for name, data in made.files.items():
        path = folder / "v1" / "patterns" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return made.first_root


async def ours(folder: Path, port: int, root: bytes, ca_pem: str) -> dict[str, float]:
    """Our client, as the agent runs it."""
    link = Link(Endpoint("127.0.0.1", port), None, None, Trust(ca_pem, HostKeys(folder / "keys")))
    tuf = folder / "tuf"
    times: dict[str, float] = {}
    seen: Seen | None = None
    for name in ("first", "again"):
        took = []
        for _ in range(ROUNDS):
            if name == "first" and tuf.exists():
                shutil.rmtree(tuf)
            began = time.perf_counter()
            async with https_client(link) as client:
                known = seen if name == "again" else None

                def check(calls: LoopCalls, client: LinkClient = client, known: Seen | None = known) -> Seen:
                    fetcher = LinkFetcher(calls, client, folder, rate=0.0, patience=Patience())
                    made = Ours(link, tuf, root, fetcher)
                    if known and made.unchanged(known, datetime.now(UTC)):
                        return known
                    return made.refreshed("tm-lab-1")

                seen = await in_thread(check)
                assert len(seen.listing.ids) == TARGETS
            took.append(time.perf_counter() - began)
        times[name] = min(took)
    return times


def stock(folder: Path, port: int, root: bytes) -> dict[str, float]:
    """python-tuf's client with its own fetcher."""
    from tuf.ngclient import Updater

    base = f"https://127.0.0.1:{port}/v1/patterns/"
    times: dict[str, float] = {}
    for name in ("first", "again"):
        took = []
        for _ in range(ROUNDS):
            if name == "first":
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(exist_ok=True)
            began = time.perf_counter()
            updater = Updater(str(folder), f"{base}metadata/", str(folder), f"{base}targets/", bootstrap=root)
            updater.refresh()
            assert updater.get_targetinfo(f"pattern-{TARGETS:09d}")
            took.append(time.perf_counter() - began)
        times[name] = min(took)
    return times


def in_child(which: str, told: dict[str, object]) -> dict[str, float]:
    """Run one client in a process of its own, whose memory is its own too."""
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks.patterns", which),
        input=json.dumps(told),
        env={**os.environ, "SSL_CERT_FILE": str(told["ca_file"]), "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def client(which: str) -> None:
    """The child's part."""
    told = json.load(sys.stdin)
    folder, root = Path(told["folder"]), told["root"].encode()
    if which == "ours":
        ca_pem = Path(told["ca_file"]).read_text(encoding="utf-8")
        times = asyncio.run(ours(folder, told["port"], root, ca_pem))
    else:
        times = stock(folder / "stock", told["port"], root)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**{k: round(v, 3) for k, v in times.items()}, "peak_mib": round(memory, 1)}))


def main() -> None:
    """Serve, run both, compare."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        files = base / "files"
        root = repository(files)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(base / "ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)

        def handler(*args: object, **named: object) -> Quiet:
            return Quiet(*args, directory=str(files), **named)  # type: ignore[arg-type]

        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told = {"port": server.server_port, "root": root.decode(), "ca_file": str(base / "ca.pem")}
        found = {}
        for which in ("stock", "ours"):
            folder = base / which
            folder.mkdir()
            found[which] = in_child(which, {**told, "folder": str(folder)})
        server.shutdown()
        ratio = {part: round(found["ours"][part] / found["stock"][part], 2) for part in found["ours"]}
        print(json.dumps({"targets": TARGETS, **found, "ours_to_stock": ratio}))


if __name__ == "__main__":
    client(sys.argv[1]) if len(sys.argv) > 1 else main()
