"""Run in namespaces of its own (see `network.py`): probe the values given, print what failed, as JSON."""

import asyncio
import ctypes
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from servers.limits import hasty
from servers.probing import Trial, host_keys

_NAMESPACES = 0x00020000 | 0x40000000
"""Mounts and network (unshare(2))."""


async def probe(tmsp: dict[str, Any], proxy: dict[str, Any] | None) -> str:
    """The failure of the log server, as one JSON object."""
    with tempfile.TemporaryDirectory() as folder:
        limits = hasty("connect", seconds=2.0)
        trial = Trial(tmsp, "password", None, host_keys(Path(folder)), proxy=proxy, limits=limits)
        return (await trial.run()).failure("log_server").to_json().decode()


def main() -> None:
    """Do it, once the command made the fault there; `silent`: there is a name server that never answers."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NAMESPACES):
        raise OSError(ctypes.get_errno(), "unshare")
    private = "mount --make-rprivate /"  # as unshare(1) does, or all of the machine would have these mounts
    subprocess.run(["sh", "-c", f"{private} && {sys.argv[1]}"], check=True)
    asked = json.loads(sys.argv[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        if asked["silent"]:
            names.bind(("127.0.0.1", 53))
        print(asyncio.run(probe(asked["tmsp"], asked["proxy"])))


main()
