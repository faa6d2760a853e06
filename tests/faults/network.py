"""Faults of the own network, in namespaces of their own: routes, firewalls, name servers. Needs root."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked

__all__ = ["FAULTS", "Fault"]

FAR = "192.0.2.1"
NAME = "logs.example.com"
_FILES_ONLY = "mount --bind {folder}/files-only /etc/nsswitch.conf"
_OWN_SERVER = (
    "mount --bind {folder}/resolv.conf /etc/resolv.conf && mount --bind {folder}/dns /etc/nsswitch.conf"
)


@dataclass(frozen=True)
class Fault:
    """What fails where, by which shell command; `host` is the server's or the proxy's."""

    code: str
    stage: str
    command: str
    host: str
    silent: bool = False

    def provoke(self, folder: Path) -> dict[str, Any]:
        """Run the probe in there; return the failure that the report has."""
        (folder / "files-only").write_text("hosts: files\n")
        (folder / "dns").write_text("hosts: dns\n")
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1\n")
        given = json.dumps({"silent": self.silent, **self._form()})
        command = f"ip link set lo up && {self.command.format(folder=folder)}"
        done = forked.run(
            [sys.executable, "-m", "faults.network_child", command, given], text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _form(self) -> dict[str, Any]:
        behind_proxy = self.stage == "proxy"
        server = {"host": "127.0.0.1" if behind_proxy else self.host, "port": 443}
        log_server = {**server, "protocol": "ssl"}
        tmsp = {"username": "user", "log_server": log_server, "status_server": server}
        return {"tmsp": tmsp, "proxy": {"host": self.host} if behind_proxy else None}


FAULTS = [
    Fault("name-unknown", "name", _FILES_ONLY, NAME),
    Fault("name-no-resolver", "name", _OWN_SERVER, NAME),
    Fault("name-timeout", "name", _OWN_SERVER, NAME, silent=True),
    Fault("tcp-unreachable", "tcp", "true", FAR),
    Fault("tcp-blocked", "tcp", f"ip route add prohibit {FAR}", FAR),
    Fault("proxy-host-unknown", "proxy", _FILES_ONLY, NAME),
    Fault("proxy-no-resolver", "proxy", _OWN_SERVER, NAME),
    Fault("proxy-unreachable", "proxy", "true", FAR),
    Fault("proxy-blocked", "proxy", f"ip route add prohibit {FAR}", FAR),
]
