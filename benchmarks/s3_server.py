"""The portal's store of blobs against a real S3 server: Debian's OpenStack Swift with its S3 face.

Needs the packages swift-proxy, swift-account, swift-container, swift-object, and root. All of it runs on
loopback in a temporary folder. The five calls are tried, above all that a name is given once, to one of
many. Swift 2.30 refuses conditional puts (501): then it is shown that this is named, and nothing was put.

python -m benchmarks.s3_server
"""

from __future__ import annotations

import contextlib
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

from servers.process import daemon, program  # noqa: E402
from tm_tui.portal.blobs.address import blobs_at  # noqa: E402
from tm_tui.portal.blobs.store import BlobAbsent, BlobExists, Blobs, BlobsFailed  # noqa: E402

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


def main() -> None:
    """Start it, make a bucket, try."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tm-swift-") as folder, contextlib.ExitStack() as stack:
        base = Path(folder)
        port = swift(base, stack)
        endpoint = f"http://127.0.0.1:{port}"
        keys = {"aws_access_key_id": "tmsp:portal", "aws_secret_access_key": "secret-of-the-lab"}
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(
            Bucket="tmsp"
        )
        os.environ |= {"AWS_ACCESS_KEY_ID": "tmsp:portal", "AWS_SECRET_ACCESS_KEY": "secret-of-the-lab"}
        found = blobs_at(f"s3://tmsp/portal?endpoint={endpoint}", base)
        try:
            tried(found, base)
        except BlobsFailed as error:
            print(f"refused: {error.strerror}")
            assert list(found.list("")) == [], "something was put all the same"
            return
    print(f"all promises are kept ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
