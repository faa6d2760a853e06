"""No peer holds the loop: whoever never comes to an end is given up with a code, while all else goes on."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from endless import DRIP, FLOOD, Flow, Pace, Ticker, endless, ssh_packet
from pydantic import SecretStr
from tuf.api.exceptions import DownloadError

from servers.certificates import Certificates
from servers.limits import PATIENT, hasty
from servers.probing import host_keys, server_context
from tm_tui.clock import SystemClock
from tm_tui.delivery.check import check_log_server
from tm_tui.delivery.ssh import SshCarrier
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.dialer import dial
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import Trust
from tm_tui.link.https import call, https_client
from tm_tui.link.sftp import fetch_host_key
from tm_tui.link.types import Credentials, Endpoint, Link, Proxy
from tm_tui.patterns.fetcher import LinkFetcher, LoopCalls, Patience, in_thread
from tm_tui.patterns.refusals import TARGETS_PATH, refusal
from tm_tui.reports.fetch import list_reports
from tm_tui.status_server.heartbeat import Facts, beat

LIMITS = {
    "tls-timeout": hasty("handshake"),
    "ssh-timeout": hasty("handshake"),
    "reply-timeout": hasty("reply", "transfer"),
    "proxy-silent": hasty("reply"),
    "proxy-timeout": hasty("handshake"),
}
"""What has to end by time; else the bound in bytes has to speak, however long it takes."""
MOST_WORK = 0.25
"""Seconds of the loop's work without a turn for anybody else."""
MOST_MEMORY = 24 << 20
"""Bytes that the process may grow; a peer that is read for as long as it speaks brings hundreds of MB."""
WHO = Credentials("user", SecretStr("password"))

Meet = Callable[[Link], Awaitable[object]]


def through(kind: str) -> Meet:
    """Meet it as a proxy of this kind."""

    async def meet(link: Link) -> object:
        proxy = Proxy(kind, link.endpoint, WHO)  # type: ignore[arg-type]
        return await dial(Endpoint("192.0.2.1", 443), proxy, link.trust, limits=link.limits)

    return meet


async def ask(link: Link) -> object:
    """Meet it as a server that is asked something."""
    async with https_client(link) as client:
        return await call(client, "GET", "/")


async def send_beat(link: Link) -> object:
    """Meet it as a status server."""
    async with https_client(link) as client:
        return await beat(client, "tm-0042", 5, Facts(1, 1.0), SystemClock())


async def fetch_reports(link: Link) -> object:
    """Meet it as who has reports."""
    bandwidth = Bandwidth()
    async with https_client(link, bandwidth=bandwidth) as client:
        return await list_reports(client, "tm-0042", bandwidth)


async def fetch_pattern(link: Link) -> object:
    """Meet it as who has patterns."""
    patience = Patience(seconds=0.5, least=4096)

    def fetch(calls: LoopCalls) -> object:
        fetcher = LinkFetcher(calls, client, Path("/tmp"), rate=0, patience=patience)
        try:
            with fetcher.download_file(f"{client.base_url}{TARGETS_PATH}1", 4 << 20) as file:
                return file.read(1)
        except DownloadError as error:
            raise refusal(error, fetcher.last, link) from error

    async with https_client(link) as client:
        return await in_thread(fetch)


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 C\r\n\r\n"
REQUEST = b"\r\n\r\n"
SSH = b"SSH-2.0-endless\r\n"


@dataclass(frozen=True)
class Stage:
    """Where a peer begins to speak without end, and what it is told as: in a flood, and drop by drop."""

    name: str
    flow: Flow
    meet: Meet
    flood: str
    drip: str
    tls: bool = False


def _proxies() -> list[Stage]:
    """From the greeting to the reply that lets through."""
    spoken, silent, failed = "proxy-not-spoken", "proxy-silent", "proxy-target-failed"
    http, socks4, socks5 = through("http"), through("socks4"), through("socks5")
    rejection = b"\0\x5b" + bytes(6)
    no_page = Flow(b"HTTP/1.1 403 No\r\n\r\n", b"page", REQUEST)
    return [
        Stage("proxy-greeting", Flow(b"", b"220 welcome\r\n"), http, spoken, spoken),
        Stage("proxy-interim", Flow(b"", CONTINUE, REQUEST), http, spoken, silent),
        Stage("proxy-interim-tls", Flow(b"", CONTINUE, REQUEST), through("https"), spoken, silent, tls=True),
        Stage("proxy-lines", Flow(HEAD, b"X-A: b\r\n", REQUEST), http, spoken, silent),
        Stage("proxy-line", Flow(HEAD + b"X-A: ", b"b", REQUEST), http, spoken, silent),
        Stage("proxy-status", Flow(b"HTTP/1.1 200 ", b"K", REQUEST), http, spoken, silent),
        Stage("proxy-body", no_page, http, "proxy-forbidden", "proxy-forbidden"),
        Stage("socks4-noise", Flow(b"", b"noise", 9), socks4, spoken, spoken),
        Stage("socks4-zeros", Flow(b"", b"\0", 9), socks4, spoken, spoken),
        Stage("socks4-refusals", Flow(b"", rejection, 9), socks4, *["proxy-socks4-rejected"] * 2),
        Stage("socks5-noise", Flow(b"", b"noise", 3), socks5, spoken, spoken),
        Stage("socks5-greetings", Flow(b"", b"\5\0", 3), socks5, spoken, spoken),
        Stage("socks5-refusals", Flow(b"\5\0", b"\5\1\0\3\xff", 3), socks5, failed, failed),
        Stage("socks5-name", Flow(b"\5\0\5\0\0\3\xff", b"x", 3), socks5, "", silent),
        Stage("proxy-tls", Flow(b"", b"\x16\3\3\0\1\2"), through("https"), "tls-failed", "proxy-timeout"),
    ]


def _tls() -> list[Stage]:
    """Bytes of a handshake that leads nowhere."""
    late = "tls-timeout"
    return [
        Stage("tls-greeting", Flow(b"", b"220 welcome\r\n"), ask, "tls-not-spoken", "tls-not-spoken"),
        Stage("tls-record", Flow(b"\x16\3\3\x40\0", b"\2\0\xff\xff"), ask, "tls-not-spoken", late),
        Stage("tls-alerts", Flow(b"", b"\x15\3\3\0\2\1\x5a"), ask, "tls-failed", late),
        Stage("tls-empty", Flow(b"", b"\x16\3\3\0\0"), ask, "tls-failed", late),
    ]


def _ssh() -> list[Stage]:
    """Before any key is exchanged: lines, then packets that mean nothing."""
    look, late = fetch_host_key, "ssh-timeout"
    packets = {"ignore": b"\2\0\0\0\1x", "debug": b"\4\1\0\0\0\1x\0\0\0\0", "odd": b"\3\0\0\0\0"}
    return [
        Stage("ssh-lines", Flow(b"", b"welcome\r\n"), look, "ssh-not-spoken", late),
        Stage("ssh-line", Flow(b"", b"w"), look, "ssh-not-spoken", late),
        *(
            Stage(f"ssh-{name}", Flow(SSH, ssh_packet(payload)), look, late, late)
            for name, payload in packets.items()
        ),
        Stage("ssh-packet", Flow(SSH + b"\0\0\xff\xfc\4", b"x"), look, "ssh-not-spoken", late),
    ]


def _http() -> list[Stage]:
    """An answer's parts, each without end."""
    odd, large, late = "reply-not-understood", "reply-too-large", "reply-timeout"
    flows = {
        "interim": (Flow(b"", CONTINUE, REQUEST), large),
        "lines": (Flow(HEAD, b"X-A: b\r\n", REQUEST), odd),
        "line": (Flow(HEAD + b"X-A: ", b"b", REQUEST), odd),
        "body": (Flow(HEAD + b"\r\n", b"x", REQUEST), large),
        "chunks": (Flow(CHUNKED, b"800\r\n" + b"x" * 0x800 + b"\r\n", REQUEST), large),
        "tiny-chunks": (Flow(CHUNKED, b"1\r\nx\r\n", REQUEST), late),
        "chunk-size": (Flow(CHUNKED, b"0", REQUEST), odd),
        "chunk-words": (Flow(CHUNKED + b"1;a=", b"b", REQUEST), odd),
        "trailers": (Flow(CHUNKED + b"0\r\n", b"X-A: b\r\n", REQUEST), odd),
        "trailer": (Flow(CHUNKED + b"0\r\nX-A: ", b"b", REQUEST), odd),
    }
    bodies = {name: flows[name] for name in ("body", "chunks")}
    return [
        *(Stage(f"http-{name}", flow, ask, code, late, tls=True) for name, (flow, code) in flows.items()),
        *(
            Stage(f"beat-{name}", flow, send_beat, code, late, tls=True)
            for name, (flow, code) in flows.items()
        ),
        *(
            Stage(f"report-{name}", flow, fetch_reports, code, late, tls=True)
            for name, (flow, code) in bodies.items()
        ),
        *(
            Stage(f"pattern-{name}", flow, fetch_pattern, "pattern-too-large", "pattern-too-slow", tls=True)
            for name, (flow, _) in bodies.items()
        ),
    ]


STAGES = [*_proxies(), *_tls(), *_ssh(), *_http()]


@pytest.mark.parametrize("pace", [FLOOD, DRIP], ids=lambda pace: pace.name)
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
async def test_who_never_ends_is_given_up(
    stage: Stage, pace: Pace, certificates: Certificates, tmp_path: Path
) -> None:
    """Beats, the control socket and every other link go on beside such a peer, and it is told by its code."""
    code = stage.flood if pace is FLOOD else stage.drip
    trust = Trust(certificates.ca_pem, host_keys(tmp_path))
    with endless(stage.flow, pace, server_context(certificates) if stage.tls else None) as port:
        link = Link(Endpoint("127.0.0.1", port), WHO, None, trust, LIMITS.get(code, PATIENT))
        async with asyncio.timeout(90):
            with Ticker() as ticker:
                found = await _met(stage, link)
    assert found == code
    assert ticker.worst < MOST_WORK
    assert ticker.grown < MOST_MEMORY


async def _met(stage: Stage, link: Link) -> str:
    """The code with which it ended; empty if that peer let us through."""
    try:
        met = await stage.meet(link)
    except LinkFailure as failure:
        return failure.code
    met.close()  # type: ignore[attr-defined]
    return ""


@pytest.fixture
def log_server() -> Iterator[Callable[[str, Pace], int]]:
    """Starts log servers over SSH that never come to an end behind their keys; gives a port."""
    with ExitStack() as stack:

        def start(stage: str, pace: Pace) -> int:
            asked = json.dumps({"stage": stage, "seconds": pace.seconds})
            program = (sys.executable, str(Path(__file__).with_name("endless_ssh.py")), asked)
            child = stack.enter_context(
                subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            )
            stack.callback(child.kill)
            assert child.stdout
            return int(child.stdout.readline())

        yield start


async def probe(link: Link) -> None:
    """Meet it as the connection test does."""
    await check_log_server(link, "ssh", "tm-0042")


async def deliver(link: Link) -> None:
    """Meet it as the delivery of a batch does."""
    async with SshCarrier(link, "tm-0042") as carrier:
        await carrier.deliver("tm-0042-1", b"batch", lambda _: None, again=True)


@pytest.mark.parametrize("pace", [FLOOD, DRIP], ids=lambda pace: pace.name)
@pytest.mark.parametrize(
    ("stage", "meet", "codes"),
    [
        ("banners", probe, {"ssh-login-timeout"}),
        ("debug", probe, {"", "reply-timeout"}),
        ("noise", probe, {"sftp-text-before"}),
        ("packet", probe, {"sftp-not-offered"}),
        ("statuses", probe, {"remote-file-failed", "reply-closed"}),
        ("statuses", deliver, {"remote-file-failed", "reply-closed"}),
        ("names", deliver, {""}),
        ("many-names", deliver, {"remote-file-failed", "reply-closed"}),
        ("long-names", deliver, {"remote-file-failed", "reply-closed"}),
    ],
)
async def test_who_never_ends_behind_its_key(
    log_server: Callable[[str, Pace], int],
    tmp_path: Path,
    *,
    stage: str,
    pace: Pace,
    meet: Callable[[Link], Awaitable[None]],
    codes: set[str],
) -> None:
    """A log server whose key is approved holds nothing up either: logon, file transfer, replies, lists."""
    limits = hasty("login") if stage == "banners" else hasty("reply", seconds=3.0)
    link = Link(
        Endpoint("127.0.0.1", log_server(stage, pace)), WHO, None, Trust(None, host_keys(tmp_path)), limits
    )
    link.trust.host_keys.approve(await fetch_host_key(link))
    found = ""
    async with asyncio.timeout(90):
        with Ticker() as ticker:
            try:
                await meet(link)
            except LinkFailure as failure:
                found = failure.code
    assert found in codes
    assert ticker.worst < MOST_WORK
    assert ticker.grown < MOST_MEMORY
