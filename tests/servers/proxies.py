"""Proxies that no one here wrote: squid, tinyproxy, dante."""

import contextlib
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.account import Account
from servers.certificates import Certificates
from servers.names import no_names
from servers.process import daemon, folder, program

USER, PASSWORD = "proxy user ü", "p/#%:@ ä€"
PLAIN_USER, PLAIN_PASSWORD = "proxyuser", "proxypassword"

SQUID = """
http_port 127.0.0.1:{0} name=open
http_port 127.0.0.1:{1} name=auth
http_port 127.0.0.1:{2} name=stock
https_port 127.0.0.1:{3} name=tls tls-cert={certificate} tls-key={key}
auth_param basic program /usr/lib/squid/basic_ncsa_auth {base}/users
auth_param basic children 2
acl SSL_ports port 443 563
acl CONNECT method CONNECT
acl auth myportname auth tls
acl stock myportname stock
acl known proxy_auth REQUIRED
http_access deny stock CONNECT !SSL_ports
http_access deny auth !known
http_access allow all
cache deny all
cache_log {base}/cache.log
access_log stdio:{base}/access.log
pid_filename none
coredump_dir {base}
pinger_enable off
shutdown_lifetime 0 seconds
connect_timeout 2 seconds
dns_nameservers {names}
dns_timeout 1 seconds
dns_retransmit_interval 1 seconds
forward_max_tries 1
visible_hostname squid.test
netdb_filename none
"""
TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 20
MaxClients 20
{more}
"""
DANTE = """
logoutput: {base}/log
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
user.privileged: root
user.unprivileged: nobody
clientmethod: none
socksmethod: {method}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks block {{ from: 0.0.0.0/0 to: 127.0.0.1/32 port = {blocked} }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 command: connect }}
"""


@dataclass(frozen=True)
class Squid:
    """Squid's ports: open, with Basic authentication, with its own rules, and TLS with authentication."""

    open: int
    auth: int
    stock: int
    tls: int
    log: Path


@contextlib.contextmanager
def squid(certificates: Certificates) -> Iterator[Squid]:
    """Run squid with four ports."""
    assert Path("/usr/lib/squid/basic_ncsa_auth").exists(), "squid's basic_ncsa_auth is missing"
    with folder("squid") as base, no_names() as names:
        (base / "users").write_text(f"{USER}:{hashlib.md5(PASSWORD.encode()).hexdigest()}\n")
        pair = [shutil.copy(path, base) for path in (certificates.good.certificate, certificates.good.key)]
        subprocess.run(["chown", "-R", "proxy", str(base)], check=True)
        config = base / "squid.conf"

        def command(ports: list[int]) -> list[str]:
            config.write_text(SQUID.format(*ports, base=base, names=names, certificate=pair[0], key=pair[1]))
            return [program("squid"), "-N", "-f", str(config)]

        with daemon(command, 4, base / "out.log") as ports:
            yield Squid(*ports, base / "access.log")


@contextlib.contextmanager
def tinyproxy(more: str = "") -> Iterator[int]:
    """Run tinyproxy; yield its port."""
    with folder("tinyproxy") as base:
        config = base / "conf"

        def command(ports: list[int]) -> list[str]:
            config.write_text(TINYPROXY.format(port=ports[0], more=more))
            return [program("tinyproxy"), "-d", "-c", str(config)]

        with daemon(command, 1, base / "log") as ports:
            yield ports[0]


@dataclass(frozen=True)
class Dante:
    """Dante's port, and a port of the target that its rules refuse."""

    port: int
    blocked: int


@contextlib.contextmanager
def dante(who: Account | None = None) -> Iterator[Dante]:
    """Run dante: SOCKS5 for an account of this machine, or SOCKS4 and SOCKS5 for everyone."""
    with folder("dante") as base:
        config = base / "conf"

        def command(ports: list[int]) -> list[str]:
            method = "username" if who else "none"
            config.write_text(DANTE.format(base=base, port=ports[0], method=method, blocked=9))
            return [program("danted"), "-N", "1", "-f", str(config), "-p", str(base / "pid")]

        with daemon(command, 1, base / "out.log") as ports:
            yield Dante(ports[0], 9)
