"""Upload of a case against curl and tuspy, same server, same bytes: `python -m benchmarks.cases`.

The server is the portal. Ours goes the whole way of the agent's upload: chunks with SHA-256, each on the
portal's disk before the next. curl sends all in one PATCH without a checksum; tuspy in chunks of the same
size, with its SHA-1. Runs are interleaved; the medians are compared.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers import scratch

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "engine" / "portal"))

from portals import ANY_APPLIANCE, RunningPortal, running
from pydantic import SecretStr
from tusclient.client import TusClient

from tm_tui.cases.case_records import Record
from tm_tui.cases.one_upload import Progress, bring
from tm_tui.cases.tus import Tus
from tm_tui.clock import SystemClock
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.https import https_client
from tm_tui.link.types import Credentials, Endpoint, Link

CHUNK = 8 << 20


def _about(sha256: str) -> dict[str, str]:
    return {"appliance": ANY_APPLIANCE, "filename": "case.bin", "endpoint": "pc", "sha256": sha256}


async def _bring(portal: RunningPortal, path: Path, sha256: str, ca_pem: str, size: int) -> None:
    name, password = portal.credentials
    trust = Trust(ca_pem, HostKeys(path.parent / "host_keys"))
    endpoint = Endpoint("127.0.0.1", portal.ready["status_server"]["port"])
    clock = SystemClock()
    record = Record(
        number=1,
        key=os.urandom(16).hex(),
        created_at=clock.now(),
        submitted_by="root",
        sources=(),
        endpoint="pc",
        packed_bytes=size,
        sha256=sha256,
    )

    async def keep(_: str) -> None:
        return

    async with https_client(Link(endpoint, Credentials(name, SecretStr(password)), None, trust)) as client:
        await bring(
            Tus(client),
            record,
            path,
            {**_about(sha256), "key": record.key},
            server=endpoint,
            rate=0.0,
            keep=keep,
            progress=Progress(record.packed_bytes, clock.monotonic, lambda: None),
        )


def ours(portal: RunningPortal, path: Path, sha256: str) -> None:
    """The agent's own way."""
    asyncio.run(_bring(portal, path, sha256, Path(portal.ready["ca_file"]).read_text(), path.stat().st_size))


def _metadata(sha256: str) -> str:
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in _about(sha256).items()
    )


def curl(portal: RunningPortal, path: Path, sha256: str) -> None:
    """One creation, one PATCH."""
    port, (name, password) = portal.ready["status_server"]["port"], portal.credentials
    base = ["curl", "-sS", "-f", "--http1.1", "--cacert", portal.ready["ca_file"], "-u", f"{name}:{password}"]
    base += ["-H", "Tus-Resumable: 1.0.0", "-H", "Expect:"]
    url = f"https://127.0.0.1:{port}"
    length = f"Upload-Length: {path.stat().st_size}"
    made = [*base, "-X", "POST", "-D", "-", "-H", length, "-H", f"Upload-Metadata: {_metadata(sha256)}"]
    head = subprocess.run([*made, f"{url}/v1/cases/"], check=True, capture_output=True, text=True).stdout
    location = next(line.split()[1] for line in head.splitlines() if line.lower().startswith("location:"))
    sent = ["-X", "PATCH", "-H", "Upload-Offset: 0", "-H", "Content-Type: application/offset+octet-stream"]
    subprocess.run([*base, *sent, "-T", str(path), f"{url}{location}"], check=True, capture_output=True)


def tuspy(portal: RunningPortal, path: Path, sha256: str) -> None:
    """The independent client in Python."""
    name, password = portal.credentials
    authorization = base64.b64encode(f"{name}:{password}".encode()).decode()
    os.environ["REQUESTS_CA_BUNDLE"] = portal.ready["ca_file"]
    url = f"https://127.0.0.1:{portal.ready['status_server']['port']}/v1/cases/"
    client = TusClient(url, headers={"Authorization": f"Basic {authorization}"})
    client.uploader(str(path), chunk_size=CHUNK, metadata=_about(sha256), upload_checksum=True).upload()


def timed(
    upload: Callable[[RunningPortal, Path, str], None], portal: RunningPortal, path: Path, sha256: str
) -> float:
    """Seconds of one upload."""
    began = time.perf_counter()
    upload(portal, path, sha256)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print one line of JSON an uploader."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--megabytes", type=int, default=100)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with scratch() as folder, running(folder / "portal") as portal:
        asyncio.run(portal.register())
        path = folder / "case.bin"
        path.write_bytes(os.urandom(given.megabytes * 1_000_000))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        seconds: dict[str, list[float]] = {"ours": [], "curl": [], "tuspy": []}
        for _ in range(given.rounds):
            for upload in (ours, curl, tuspy):
                seconds[upload.__name__].append(timed(upload, portal, path, sha256))
                for done in (folder / "portal" / "cases").iterdir():
                    done.unlink()
        medians = {name: statistics.median(found) for name, found in seconds.items()}
        for name, median in medians.items():
            rate, share = given.megabytes / median, median / medians["ours"]
            print(json.dumps({"by": name, "mb_a_second": round(rate, 1), "ours_is_times": round(share, 2)}))


if __name__ == "__main__":
    main()
