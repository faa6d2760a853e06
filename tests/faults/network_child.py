"""Run in namespaces of its own (see `network.py`): probe the values given, print what failed, as JSON."""

import asyncio
import json
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from servers.limits import hasty  # the path has to be set first
from servers.probing import Trial, host_keys  # the path has to be set first


async def probe(tmsp: dict[str, Any], proxy: dict[str, Any] | None) -> str:
    """The failure of the log server, as one JSON object."""
    with tempfile.TemporaryDirectory() as folder:
        limits = hasty("connect", seconds=2.0)
        trial = Trial(tmsp, "password", None, host_keys(Path(folder)), proxy=proxy, limits=limits)
        return (await trial.run()).failure("log_server").to_json().decode()


def main() -> None:
    """Do it; with `silent` there is a name server that never answers."""
    asked = json.loads(sys.argv[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        if asked["silent"]:
            names.bind(("127.0.0.1", 53))
        print(asyncio.run(probe(asked["tmsp"], asked["proxy"])))


main()
