"""`tm-tui trust`: the authorities and host keys that count beside the system's."""

from collections.abc import Iterator

import click

from tm_tui.api.agent import CertificateInfo, ServerIdentity, TrustDocument
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import ApproveRequest, SecretChanges
from tm_tui.cli.again import ask_with, given_passwords, secret_option
from tm_tui.cli.asking import ask
from tm_tui.cli.lazy import Group
from tm_tui.cli.output import emit, json_option, show, table
from tm_tui.spoken import local_time

__all__ = ["trust"]

_NAMES = {"log_server": "Log server", "status_server": "Status server"}


@click.group(cls=Group, aliases={"list": "show"}, no_args_is_help=True)
def trust() -> None:
    """Show authorities and host keys; approve and forget host keys."""


@trust.command("show")
@json_option
def show_trust(*, as_json: bool) -> None:
    """Show the authorities of the CA file and the approved host keys."""
    _tell(ask(lambda client: client.trust()), as_json=as_json)


@trust.command()
@click.argument("endpoint")
@click.argument("fingerprint")
@secret_option
@json_option
def approve(*, endpoint: str, fingerprint: str, secrets: tuple[str, ...], as_json: bool) -> None:
    """Fetch the host key of ENDPOINT, [host]:port, and approve it if it is the one of FINGERPRINT.

    In place of another key, the saved password of TMSP is asked for again: this server would get it.
    """

    async def approved(client: ControlClient, passwords: SecretChanges) -> TrustDocument:
        request = ApproveRequest(endpoint=endpoint, fingerprint=fingerprint, secrets=passwords)
        return await client.approve_host_key(request)

    _tell(ask_with(given_passwords(secrets), approved), as_json=as_json)


@trust.command()
@click.argument("endpoint")
@json_option
def forget(*, endpoint: str, as_json: bool) -> None:
    """Forget the host keys of ENDPOINT ([host]:port): it will be unknown until one is approved again."""
    _tell(ask(lambda client: client.forget_host_key(endpoint)), as_json=as_json)


def _tell(document: TrustDocument, *, as_json: bool) -> None:
    if as_json:
        emit(document.plain())
    else:
        show(_page(document))


def _page(document: TrustDocument) -> Iterator[str]:
    yield f"CA file: {document.ca_file or 'none; the authorities of the system count'}"
    for authority in document.authorities:
        yield from _certificate(authority)
    yield "Host keys:" if document.host_keys else "Host keys: none approved"
    rows = ((f"  {key.endpoint}", key.algorithm, key.fingerprint) for key in document.host_keys)
    yield from table(rows)
    yield from (f"! {one.words}" for one in document.unreadable)
    for server in document.servers:
        yield ""
        yield f"{_NAMES[server.server]} {server.endpoint}: {_seen(server)}"
        for certificate in server.chain:
            yield from _certificate(certificate)


def _certificate(certificate: CertificateInfo) -> Iterator[str]:
    yield f"  {certificate.subject}"
    yield f"    issued by {certificate.issuer}"
    if certificate.not_before and certificate.not_after:
        yield f"    valid from {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
    yield f"    SHA-256 {certificate.sha256}"


def _seen(server: ServerIdentity) -> str:
    if server.verified_by == "ssh":
        return "verified by its SSH host key"
    if server.seen_at is None:
        return "no verified TLS connection since the agent began"
    return f"chain verified at {local_time(server.seen_at)}"
