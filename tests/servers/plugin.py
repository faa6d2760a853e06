"""The fixtures: each daemon once a session (and a worker), stopped at its end."""

from collections.abc import Iterator

import pytest

from servers import certificates as certs
from servers.account import Account
from servers.buckets import Buckets, buckets
from servers.openssh import Sshd, sshd, throwaway
from servers.postgres import Postgres, postgres
from servers.process import folder
from servers.proxies import PLAIN_PASSWORD, PLAIN_USER, Dante, Squid, dante, squid, tinyproxy
from servers.web import Web, nginx


@pytest.fixture(scope="session")
def certificates() -> Iterator[certs.Certificates]:
    """A private authority with good and bad certificates."""
    with folder("certificates") as base:
        yield certs.make(base)


@pytest.fixture(scope="session")
def local_account() -> Iterator[Account]:
    """A throwaway user of this machine."""
    with throwaway() as who:
        yield who


@pytest.fixture(scope="session")
def openssh(local_account: Account) -> Iterator[Sshd]:
    """OpenSSH's sshd with password login and SFTP."""
    with sshd(local_account) as running:
        yield running


@pytest.fixture(scope="session")
def web(certificates: certs.Certificates) -> Iterator[Web]:
    """A stock log server: nginx."""
    with nginx(certificates) as running:
        yield running


@pytest.fixture(scope="session")
def squid_proxy(certificates: certs.Certificates) -> Iterator[Squid]:
    """Squid: open, with authentication, with its own rules, with TLS."""
    with squid(certificates) as running:
        yield running


@pytest.fixture(scope="session")
def tiny_proxy() -> Iterator[int]:
    """Tinyproxy for everyone."""
    with tinyproxy() as port:
        yield port


@pytest.fixture(scope="session")
def tiny_proxy_with_password() -> Iterator[int]:
    """Tinyproxy that wants credentials and lets CONNECT reach port 443 only."""
    with tinyproxy(f"BasicAuth {PLAIN_USER} {PLAIN_PASSWORD}\nConnectPort 443") as port:
        yield port


@pytest.fixture(scope="session")
def dante_with_password(local_account: Account) -> Iterator[Dante]:
    """Dante: SOCKS5 with user name and password."""
    with dante(local_account) as running:
        yield running


@pytest.fixture(scope="session")
def dante_for_all() -> Iterator[Dante]:
    """Dante: SOCKS4 and SOCKS5 without credentials."""
    with dante() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    """PostgreSQL, where databases cost little."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[Buckets]:
    """An S3 server."""
    with buckets() as running:
        yield running
