"""A portal behind real proxies, set up as docs/portal.md says: it knows its clients, and is told no lies."""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import asyncssh
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from portals import OpenPortal, batch, beat, opened_portal, registration, with_settings

from documents import DOCS
from servers.certificates import Certificates
from servers.process import daemon, folder, free_port, program
from tm_tui.portal.proxies import BadHeader, Proxies, client_of

CLIENT = "127.0.0.5"
"""An address of this machine that is not the proxy's."""
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def recipe(language: str, number: int = 0) -> str:
    """A block of docs/portal.md, from its part about proxies."""
    part = (DOCS / "portal.md").read_text(encoding="utf-8").partition("## Behind a proxy")[2]
    return re.findall(rf"```{language}\n(.+?)```", part, re.DOTALL)[number]


def with_ports(text: str, ports: dict[int, int]) -> str:
    """The recipe with free ports."""
    for documented, ours in ports.items():
        text = re.sub(rf"\b{documented}\b", str(ours), text)
    return text


def portal_home(home: Path, settings: str) -> Path:
    return with_settings(home, settings)


@contextlib.contextmanager
def haproxy(behind: dict[int, int]) -> Iterator[dict[int, int]]:
    """HAProxy by the recipe; its ports by those that are documented."""
    fronts = (8443, 2222, 9443)
    with folder("haproxy") as base:

        def command(ports: list[int]) -> list[str]:
            text = with_ports(recipe("haproxy"), {**dict(zip(fronts, ports, strict=True)), **behind})
            (base / "haproxy.cfg").write_text(re.sub(r"bind :", "bind 127.0.0.1:", text))
            return [program("haproxy"), "-db", "-q", "-f", str(base / "haproxy.cfg")]

        with daemon(command, 3, base / "log") as ports:
            yield dict(zip(fronts, ports, strict=True))


@contextlib.contextmanager
def nginx(certificates: Certificates, behind: int) -> Iterator[int]:
    """Nginx by the recipe; its port."""
    with folder("nginx") as base:

        def command(ports: list[int]) -> list[str]:
            text = with_ports(recipe("nginx"), {9443: ports[0], 19443: behind})
            text = text.replace("/etc/nginx/tls/server.pem", str(certificates.good.certificate))
            text = text.replace("/etc/nginx/tls/server.key", str(certificates.good.key))
            places = "".join(
                f"{name}_temp_path {base}/{name};"
                for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            (base / "nginx.conf").write_text(
                f"daemon off; master_process off; error_log {base}/log; pid {base}/pid;"
                f"events {{}}\nhttp {{ access_log off; {places}\n{text}\n}}"
            )
            return [program("nginx"), "-c", str(base / "nginx.conf")]

        with daemon(command, 1, base / "log") as ports:
            yield ports[0]


def client(ca_file: object, port: int, auth: tuple[str, str] | None) -> httpx.AsyncClient:
    """One that comes from CLIENT."""
    context = ssl.create_default_context(cafile=str(ca_file))
    transport = httpx.AsyncHTTPTransport(verify=context, local_address=CLIENT)
    return httpx.AsyncClient(transport=transport, base_url=f"https://127.0.0.1:{port}", auth=auth, timeout=20)


def sources(portal: OpenPortal, event: str) -> set[str]:
    return {line["source"] for line in portal.logged() if line["event"] == event}


async def test_haproxy_says_whose_connections_they_are(home: Path) -> None:
    """Over HTTPS and SSH the log names the client; appliances see the portal's own certificate."""
    behind = {documented: free_port() for documented in (18443, 12222, 19443)}
    settings = with_ports(recipe("toml"), behind)
    async with opened_portal(portal_home(home, settings)) as portal:
        with haproxy(behind) as ports:
            name, packed = batch()
            async with client(portal.ready["ca_file"], ports[9443], portal.credentials) as status:
                assert (await status.post("/v1/registration", json=registration())).status_code == 201
            async with client(portal.ready["ca_file"], ports[8443], portal.credentials) as log:
                assert (await log.put(f"/logs/tm-lab-1/{name}", content=packed)).status_code == 201
            async with (
                asyncssh.connect(
                    "127.0.0.1",
                    ports[2222],
                    local_addr=(CLIENT, 0),
                    username=portal.ready["username"],
                    password=portal.password,
                    known_hosts=None,
                    config=None,
                    client_keys=None,
                    agent_path=None,
                ) as connection,
                connection.start_sftp_client() as sftp,
            ):
                assert await sftp.listdir("logs/tm-lab-1") == [".", "..", name]
            assert sources(portal, "request") == sources(portal, "login") == {CLIENT}


async def test_a_header_counts_from_trusted_proxies_alone(home: Path) -> None:
    """Somebody else who begins with a PROXY header is no other client, and gets no answer."""
    settings = 'trusted_proxies = ["127.0.0.1"]\nproxy_protocol = ["https", "ssh", "status"]\n'
    header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
    async with opened_portal(portal_home(home, settings)) as portal:
        port = portal.ready["log_server"]["ssh_port"]
        for source, answered in (("127.0.0.1", b"SSH-2.0-tm-tui-portal"), (CLIENT, b"")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
            writer.write(header + b"SSH-2.0-test\r\n")
            found = await asyncio.wait_for(reader.readline(), 60)
            assert found.startswith(answered)
            writer.close()
        async with client(
            portal.ready["ca_file"], portal.ready["status_server"]["port"], portal.credentials
        ) as status:
            assert (await status.get("/v1/reports")).status_code == 200
        assert sources(portal, "request") == {CLIENT}


async def test_nginx_ends_tls_and_names_the_client(home: Path, certificates: Certificates) -> None:
    """The log names the client, whatever he claims to be forwarded from; the pages take their forms."""
    behind = free_port()
    settings = with_ports(recipe("toml", 1), {19443: behind})
    async with opened_portal(portal_home(home, settings)) as portal:
        with nginx(certificates, behind) as port:
            async with client(certificates.ca_file, port, portal.credentials) as status:
                told = {"x-forwarded-for": "192.0.2.77", "x-forwarded-proto": "http"}
                reply = await status.post("/v1/registration", json=registration(), headers=told)
                assert reply.status_code == 201
                assert (await status.post("/v1/heartbeat", json=beat())).status_code == 200
            assert sources(portal, "request") == {CLIENT}
            async with client(certificates.ca_file, port, None) as browser:
                page = await browser.get("/portal/logon")
                token = re.search(r'name="token" value="([^"]+)"', page.text)
                assert token
                name, password = portal.operator
                form = {"token": token[1], "username": name, "password": password}
                origin = {"origin": f"https://127.0.0.1:{port}"}
                done = await browser.post("/portal/logon", data=form, headers=origin)
                assert (done.status_code, done.headers["location"]) == (303, "/portal/products")
            assert sources(portal, "logged-on") == {CLIENT}


async def test_who_is_no_proxy_gets_nothing_in_the_clear(home: Path) -> None:
    """A listener without TLS closes every connection that is none of a trusted proxy's."""
    settings = 'trusted_proxies = ["127.0.0.1"]\n[tls]\nat_proxy = true\n'
    async with opened_portal(portal_home(home, settings)) as portal:
        for port in (portal.ready["status_server"]["port"], portal.ready["log_server"]["https_port"]):
            for source, answered in (("127.0.0.1", b"HTTP/1.1 401"), (CLIENT, b"")):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
                with contextlib.suppress(OSError):
                    writer.write(b"GET /v1/products HTTP/1.1\r\nHost: x\r\n\r\n")
                    found = await asyncio.wait_for(reader.read(12), 10)
                    assert found == answered
                writer.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[tls]\nat_proxy = true\n", "tls.at_proxy needs to know the proxies"),
        ('proxy_protocol = ["ssh"]\n', "proxy_protocol needs to know the proxies"),
        (
            'trusted_proxies = ["10.0.0.1/8"]\n',
            "trusted_proxies.0: This is neither an IP address nor a network.",
        ),
        ('trusted_proxies = ["10.0.0.0/8"]\nproxy_protocol = ["ftp"]\n', "Choose 'https', 'ssh' or 'status'"),
        ('ssh_host_key = "none"\n', "none does not exist"),
        ('ssh_host_key = "portal.toml"\n', "holds no private key"),
    ],
)
async def test_wrong_settings_are_named(home: Path, settings: str, words: str) -> None:
    """A portal that would believe anybody, or show no key, does not start."""
    with pytest.raises(Exception, match=re.escape(words)):
        async with opened_portal(portal_home(home, settings)):
            pass


async def test_one_host_key_for_all(home: Path, tmp_path: Path) -> None:
    """The key of a file that is given is shown, and none is made."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "shared").write_bytes(key.export_private_key())
    async with opened_portal(portal_home(home, f'ssh_host_key = "{tmp_path}/shared"\n')) as portal:
        assert portal.ready["ssh_host_key"] == key.get_fingerprint()
        async with portal.ssh():
            pass
        assert not (home / "keys" / "ssh_host_ed25519").exists()


async def read(sent: bytes, *, ends: bool = True) -> tuple[str | None, bytes]:
    """What `client_of` makes of these bytes, and what it leaves on the connection."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.sendall(sent)
        if ends:
            far.shutdown(socket.SHUT_WR)
        found = await client_of(near)
        return found, near.recv(4096)


def version_2(addresses: bytes, family: int = 0x11, about: int = 0x21) -> bytes:
    return SIGNATURE + struct.pack("!BBH", about, family, len(addresses)) + addresses


FOUR = bytes([192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 2])


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "2001:db8::1"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
        (version_2(FOUR), "192.0.2.1"),
        (version_2(FOUR + b"\x03\x00\x04abcd"), "192.0.2.1"),
        (version_2(bytes(15) + b"\x01" + bytes(20), 0x21), "::1"),
        (version_2(b"", 0x00, 0x20), None),
        (version_2(FOUR, 0x31), None),
    ],
)
async def test_headers_are_read_to_their_end(header: bytes, wanted: str | None) -> None:
    """Both versions name the client, or nobody; what follows is left to TLS and SSH."""
    assert await read(header + b"SSH-2.0-x") == (wanted, b"SSH-2.0-x")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY TCP4 name 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
        b"PROXY UNIX \r\n  ",
        version_2(FOUR[:8]),
        version_2(FOUR)[:-1],
        version_2(FOUR, about=0x11),
        version_2(bytes(5000)),
    ],
)
async def test_other_beginnings_are_refused(header: bytes) -> None:
    """What is no header, half of one or too long ends the connection."""
    with pytest.raises(BadHeader):
        await read(header)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda tail: SIGNATURE + tail)))
def test_any_bytes_are_a_header_or_refused(sent: bytes) -> None:
    """Nothing that a proxy sends ends in another failure."""
    with contextlib.suppress(BadHeader, BlockingIOError):
        asyncio.run(read(sent))


@given(st.ip_addresses(v=4), st.integers(8, 32))
def test_networks_hold_their_addresses(address: object, length: int) -> None:
    """An address is trusted by its network, also as IPv6 writes it, and no name ever is."""
    network = str(ip_network(f"{address}/{length}", strict=False))
    proxies = Proxies.of([network])
    assert proxies.trusts(str(address))
    assert proxies.trusts(f"::ffff:{address}")
    assert not proxies.trusts("localhost")
    assert not proxies.trusts("2001:db8::1")
