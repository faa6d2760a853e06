"""HTTPS and SFTP reach servers that no one here wrote, directly and through every kind of proxy."""

from typing import Any

import pytest
from ways import Ways, credentials, proxy

from servers.openssh import Sshd
from servers.proxies import PASSWORD, USER
from servers.web import PASSWORD as WEB_PASSWORD
from servers.web import USER as WEB_USER
from servers.web import Web
from tm_tui.link.https import call, https_client
from tm_tui.link.sftp import fetch_host_key, open_sftp
from tm_tui.link.types import Proxy

WEB = credentials(WEB_USER, WEB_PASSWORD)
WAYS = [
    "direct",
    "squid",
    "squid-auth",
    "squid-tls",
    "tinyproxy",
    "dante-socks5",
    "dante-socks4",
    "dante-auth",
]


@pytest.fixture(params=WAYS)
def via(request: pytest.FixtureRequest) -> Proxy | None:
    """Each way there is."""

    def ask(name: str) -> Any:
        return request.getfixturevalue(name)

    who = credentials(USER, PASSWORD)
    if request.param == "dante-auth":
        account = ask("local_account")
        return proxy("socks5", ask("dante_with_password").port, credentials(account.name, account.password))
    made = {
        "direct": lambda: None,
        "squid": lambda: proxy("http", ask("squid_proxy").open),
        "squid-auth": lambda: proxy("http", ask("squid_proxy").auth, who),
        "squid-tls": lambda: proxy("https", ask("squid_proxy").tls, who),
        "tinyproxy": lambda: proxy("http", ask("tiny_proxy")),
        "dante-socks5": lambda: proxy("socks5", ask("dante_for_all").port),
        "dante-socks4": lambda: proxy("socks4", ask("dante_for_all").port),
    }
    return made[request.param]()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_batch_reaches_nginx(ways: Ways, web: Web, via: Proxy | None, host: str) -> None:
    """An admin with any of these proxies, or none, can send logs to a stock web server."""
    name = f"/logs/tm-test/{(via.type if via else 'direct')}-{host}"
    async with https_client(ways.to(web.port, WEB, via, host=host), observe=ways.observe) as client:
        first = await call(client, "PUT", name, content=b"x" * 1_000_000)
        again = await call(client, "PUT", name, content=b"y" * 1_000_000)
    assert (first.status, again.status) in {(201, 204), (204, 204)}
    assert (web.root / name[1:]).read_bytes() == b"y" * 1_000_000
    expected = ["name", "proxy", "tcp", "tls"] if via else ["name", "tcp", "tls"]
    assert ways.passed() == expected, "one connection for both requests"
    assert "trustme" in ways.seen[-1][2]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_file_reaches_openssh(ways: Ways, openssh: Sshd, via: Proxy | None, host: str) -> None:
    """An admin with any of these proxies, or none, can send logs to a stock SSH server."""
    account = openssh.account
    link = ways.to(openssh.port, credentials(account.name, account.password), via, host=host)
    key = await fetch_host_key(link)
    assert key.fingerprint == openssh.fingerprint()
    ways.host_keys.approve(key)
    name = f"{via.type if via else 'direct'}-{host}"
    async with open_sftp(link, observe=ways.observe) as sftp, sftp.client.open(name, "wb") as file:
        await file.write(b"x" * 1_000_000)
    assert (account.home / name).stat().st_size == 1_000_000
    expected = ["name", "proxy", "tcp"] if via else ["name", "tcp"]
    assert ways.passed() == [*expected, "host_key", "authentication"]
