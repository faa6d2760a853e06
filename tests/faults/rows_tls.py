"""Faults of names, TCP and TLS."""

from servers import misbehaving as bad
from servers.bench import Bench, Row, row
from servers.limits import hasty
from servers.probing import Trial

__all__ = ["CERTIFICATES", "ROWS"]

ROWS: list[Row] = []
CERTIFICATES = (
    "tls-expired",
    "tls-not-yet-valid",
    "tls-wrong-name",
    "tls-unknown-issuer",
    "tls-self-signed",
)


@row(ROWS, "tcp", "tcp-refused")
async def nothing_listens(bench: Bench) -> Trial:
    """ConnectionRefusedError."""
    return await bench.ssl(bench.closed_port())


@row(ROWS, "tcp", "tcp-refused")
async def nothing_listens_for_ssh(bench: Bench) -> Trial:
    """The same on the way to SSH."""
    return await bench.ssh(bench.closed_port())


@row(ROWS, "tcp", "tcp-timeout")
async def a_black_hole(bench: Bench) -> Trial:
    """No answer to the SYN."""
    return await bench.ssl(bench.black_hole(), limits=hasty("connect", seconds=2.0))


@row(ROWS, "tcp", "tcp-timeout")
async def a_black_hole_for_ssh(bench: Bench) -> Trial:
    """Asyncssh alone would hang here for ever."""
    return await bench.ssh(bench.black_hole(), limits=hasty("connect", seconds=2.0))


@row(ROWS, "tls", "tls-not-spoken")
async def plain_http_there(bench: Bench) -> Trial:
    """WRONG_VERSION_NUMBER."""
    return await bench.ssl(bench.web.plain_port)


@row(ROWS, "tls", "tls-not-spoken")
async def ssh_there(bench: Bench) -> Trial:
    """SSL chosen, SSH's port entered."""
    return await bench.ssl(bench.openssh.port)


@row(ROWS, "tls", "tls-closed")
async def a_middlebox_cuts_tls(bench: Bench) -> Trial:
    """The connection ends in the handshake."""
    return await bench.ssl((await bench.misbehaving(bad.close_after_hearing)).port)


@row(ROWS, "tls", "tls-timeout")
async def silence_instead_of_tls(bench: Bench) -> Trial:
    """Connected, and no server hello."""
    return await bench.ssl((await bench.misbehaving(bad.say_nothing)).port, limits=hasty("handshake"))


@row(ROWS, "service", "tls-client-certificate")
async def a_client_certificate_is_wanted(bench: Bench) -> Trial:
    """Nginx with ssl_verify_client: it says so inside TLS."""
    return await bench.ssl(bench.web.client_certificate_port)


@row(ROWS, "tls", "tls-expired", server="status_server")
async def the_status_server_s_certificate_has_expired(bench: Bench) -> Trial:
    """The same for the other server."""
    return await bench.ssl(bench.web.port, status_port=bench.web.bad_ports["tls-expired"])


@row(ROWS, "service", "reply-timeout")
async def sent_and_no_reply(bench: Bench) -> Trial:
    """ReadTimeout: ambiguous, so the text says that it is sent again."""
    return await bench.ssl((await bench.misbehaving(bad.say_nothing, tls=True)).port, limits=hasty("reply"))


@row(ROWS, "service", "reply-closed")
async def closed_instead_of_a_reply(bench: Bench) -> Trial:
    """The request is taken, and the line goes dead."""
    return await bench.ssl((await bench.misbehaving(bad.close_after_hearing, tls=True)).port)


def _certificate(code: str) -> None:
    async def provoke(bench: Bench) -> Trial:
        return await bench.ssl(bench.web.bad_ports[code])

    provoke.__name__ = "nginx"
    row(ROWS, "tls", code)(provoke)


for _code in CERTIFICATES:
    _certificate(_code)
