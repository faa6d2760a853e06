"""Debian's Ceph with its S3 face, as small as it goes: one monitor, one store in memory, one radosgw."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import contextlib

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from servers.process import daemon, program  # noqa: E402

CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{port}]
keyring = {base}/keyring
run dir = {base}/run
admin socket = {base}/run/$name.$pid.asok
log file = {base}/$name.log
pid file = {base}/run/$name.pid
mon data = {base}/mon
mon data avail crit = 1
mon allow pool size one = true
osd data = {base}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
crush location = root=default host=localhost
public addr = 127.0.0.1
cluster addr = 127.0.0.1
"""
SECONDS = 60


def radosgw(base: Path, stack: contextlib.ExitStack, keys: dict[str, str]) -> int:
    """Run it with a user of these keys; the port of its S3 face."""
    for name in ("run", "mon", "osd"):
        (base / name).mkdir()
    configuration, keyring = base / "ceph.conf", base / "keyring"

    def run(name: str, *words: str) -> str:
        command = [program(name), "-c", str(configuration), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS).stdout

    def monitor(ports: list[int]) -> list[str]:
        fsid = str(uuid.uuid4())
        configuration.write_text(CONFIGURATION.format(fsid=fsid, port=ports[0], base=base))
        for path in (*base.glob("mon/*"), *base.glob("mon*map"), *base.glob("keyring")):
            subprocess.run(["rm", "-rf", str(path)], check=True)
        may = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
        for words in (
            ("--create-keyring", str(keyring), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"),
            (str(keyring), "--gen-key", "-n", "client.admin", *may),
        ):
            run("ceph-authtool", *words)
        of = f"[v2:127.0.0.1:{ports[0]}]"
        run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", of, str(base / "monmap"))
        made = ("--monmap", str(base / "monmap"), "--keyring", str(keyring))
        run("ceph-mon", "--mkfs", "-i", "a", *made)
        return [program("ceph-mon"), "-c", str(configuration), "-i", "a", "-f"]

    stack.enter_context(daemon(monitor, 1, base / "mon.out"))
    one = str(uuid.uuid4())
    run("ceph", "osd", "new", one)
    with keyring.open("a") as file:
        file.write(
            run("ceph", "auth", "get-or-create", "osd.0", "mon", "allow profile osd", "osd", "allow *")
        )
    run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", one)
    store = [program("ceph-osd"), "-c", str(configuration), "-i", "0", "-f"]
    stack.enter_context(daemon(lambda _: store, 0, base / "osd.out"))
    ends = time.monotonic() + SECONDS
    while not json.loads(run("ceph", "osd", "stat", "--format", "json"))["num_up_osds"]:
        assert time.monotonic() < ends, (base / "osd.out").read_text()[-2000:]
        time.sleep(0.5)
    secret = ("--access-key", keys["AWS_ACCESS_KEY_ID"], "--secret-key", keys["AWS_SECRET_ACCESS_KEY"])
    run("radosgw-admin", "user", "create", "--uid", "portal", "--display-name", "portal", *secret)

    def front(ports: list[int]) -> list[str]:
        listens = f"beast endpoint=127.0.0.1:{ports[0]}"
        return [
            program("radosgw"),
            *("-c", str(configuration), "-f", "-n", "client.admin", "--rgw-frontends", listens),
        ]

    (port,) = stack.enter_context(daemon(front, 1, base / "radosgw.out"))
    return port
