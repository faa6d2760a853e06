"""The portal's store of blobs against a real S3 server: Debian's Ceph with its S3 face (radosgw), or Swift.

Needs root and the packages radosgw, ceph-mon, ceph-osd, ceph-common; or swift-proxy, swift-account,
swift-container, swift-object. All of it runs on loopback in a temporary folder, Ceph in memory. The five
calls are tried, above all that a name is given once, to one of many, then `portal blobs copy --verify`, to
the server and back. Swift 2.30 refuses conditional puts (501): then it is shown that this is named, and
nothing was put. --serve has the server stay, for benchmarks.fleet_kills, until Enter.

python -m benchmarks.s3_server [radosgw|swift] [--serve]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from benchmarks.radosgw import radosgw  # noqa: E402
from servers.process import daemon, program  # noqa: E402
from tm_tui.portal.blobs.address import blobs_at  # noqa: E402
from tm_tui.portal.blobs.store import BlobAbsent, BlobExists, Blobs, BlobsFailed  # noqa: E402

KEYS = {"AWS_ACCESS_KEY_ID": "tmsp:portal", "AWS_SECRET_ACCESS_KEY": "secret-of-the-lab"}
KINDS = ("account", "container", "object")
BACK = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
devices = {base}/node
mount_check = false
swift_dir = {base}
user = {user}
workers = 0
log_facility = LOG_LOCAL1
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
FRONT = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {base}
user = {user}
workers = 0
log_facility = LOG_LOCAL1
[pipeline:main]
pipeline = catch_errors cache s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_tmsp_portal = secret-of-the-lab .admin
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:cache]
use = egg:swift#memcache
[filter:catch_errors]
use = egg:swift#catch_errors
"""


def swift(base: Path, stack: contextlib.ExitStack) -> int:
    """Run one device's Swift; the port of its S3 face."""
    (base / "node" / "d1").mkdir(parents=True)
    (base / "swift.conf").write_text("[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n")
    user = "root"
    environ = {**os.environ, "SWIFT_DIR": str(base)}
    for kind in KINDS:

        def back(ports: list[int], kind: str = kind) -> list[str]:
            builder = str(base / f"{kind}.builder")
            for path in base.glob(f"{kind}.builder"):
                path.unlink()
            for words in (
                ("create", "4", "1", "0"),
                ("add", f"r1z1-127.0.0.1:{ports[0]}/d1", "1"),
                ("rebalance",),
            ):
                subprocess.run(
                    [program("swift-ring-builder"), builder, *words],
                    check=False,
                    capture_output=True,
                    env=environ,
                )
            path = base / f"{kind}-server.conf"
            path.write_text(BACK.format(port=ports[0], base=base, user=user, kind=kind))
            return [program(f"swift-{kind}-server"), str(path)]

        stack.enter_context(daemon(back, 1, base / f"{kind}.log"))

    def front(ports: list[int]) -> list[str]:
        path = base / "proxy-server.conf"
        path.write_text(FRONT.format(port=ports[0], base=base, user=user))
        return [program("swift-proxy-server"), str(path)]

    (port,) = stack.enter_context(daemon(front, 1, base / "proxy.log"))
    return port


def tried(found: Blobs, folder: Path) -> None:
    """Each promise of the five calls."""

    def new(content: bytes, name: str) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    def put(number: int) -> bool:
        try:
            found.put("logs/tm-1/once", new(bytes([number]) * 100_000, f"new-{number}"))
        except BlobExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, range(8)))
    assert won.count(True) == 1, won
    with found.open("logs/tm-1/once") as file:
        assert file.read() == bytes([won.index(True)]) * 100_000
    assert found.size("logs/tm-1/once") == 100_000
    for number in range(25):
        found.put(f"logs/tm-2/batch-{number:03d}", new(b"x" * number, "next"))
    assert {blob.name for blob in found.list("logs/tm-2/")} == {f"logs/tm-2/batch-{n:03d}" for n in range(25)}
    found.delete("logs/tm-1/once")
    found.delete("logs/tm-1/once")
    try:
        found.size("logs/tm-1/once")
    except BlobAbsent:
        pass
    else:
        raise AssertionError("a deleted blob is there")
    large = os.urandom(70 << 20)
    found.put("cases/large", new(large, "large"))
    with found.open("cases/large") as file:
        assert file.read() == large


def copied(found: Blobs, base: Path, address: str) -> None:
    """`portal blobs copy --verify`: a home's blobs to the server, and from there to files again."""
    home, back = base / "home", base / "back"
    source = blobs_at("file:.", home)
    for number in range(20):
        new = base / "new"
        new.write_bytes(os.urandom(number * 50_000))
        source.put(f"logs/tm-copy/batch-{number:03d}", new)
    for to, of in ((address, "file:."), (f"file:{back}", address)):
        (home / "portal.toml").write_text(f'blobs = "{of}"\n')
        words = ["-m", "tm_tui.cli", "portal", "blobs", "copy", "--home", str(home), "--to", to, "--verify"]
        done = subprocess.run([sys.executable, *words], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        print(f"  copy to {to.partition(':')[0]}: {done.stdout.strip()}")
    for blob in source.list("logs/"):
        digests = {hashlib.sha256(one.open(blob.name).read()).digest() for one in (source, found)}
        digests.add(hashlib.sha256((back / blob.name).read_bytes()).digest())
        assert len(digests) == 1, blob.name


def main() -> None:
    """Start it, make a bucket, try."""
    parser = argparse.ArgumentParser(description="Tries the portal's blobs against a real S3 server.")
    parser.add_argument("server", nargs="?", choices=["radosgw", "swift"], default="radosgw")
    parser.add_argument("--serve", action="store_true", help="say the address, and stay until Enter")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tm-s3-") as folder, contextlib.ExitStack() as stack:
        base = Path(folder)
        port = radosgw(base, stack, KEYS) if given.server == "radosgw" else swift(base, stack)
        endpoint = f"http://127.0.0.1:{port}"
        os.environ |= KEYS
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="tmsp")
        address = f"s3://tmsp/portal?endpoint={endpoint}"
        if given.serve:
            print(" ".join(f"{name}={value}" for name, value in KEYS.items()), address, flush=True)
            sys.stdin.readline()
            return
        found = blobs_at(address, base)
        try:
            tried(found, base)
        except BlobsFailed as error:
            print(f"{given.server} refuses: {error.strerror}")
            assert list(found.list("")) == [], "something was put all the same"
            return
        copied(
            blobs_at(f"s3://tmsp/copy?endpoint={endpoint}", base), base, f"s3://tmsp/copy?endpoint={endpoint}"
        )
    print(f"{given.server}: all promises are kept ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
