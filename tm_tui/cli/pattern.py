"""`tm-tui pattern`: the custom patterns on this appliance, and their deployment to endpoints."""

from collections.abc import Iterator

import click

from tm_tui.api.client import ControlClient
from tm_tui.api.patterns import DeploymentInfo, PatternsDocument
from tm_tui.api.requests import DeployRequest
from tm_tui.api.shapes import LastFailure
from tm_tui.cli.asking import ask, why_off
from tm_tui.cli.lazy import Group
from tm_tui.cli.output import count, emit, json_option, show, span, table
from tm_tui.errors import TmError

__all__ = ["pattern"]

_STATES = {
    "waiting": "The status server has not accepted a beat yet; then the patterns are looked at.",
    "checking": "The patterns of the portal are being looked at.",
    "current": "The patterns of the portal are here.",
    "failing": "The patterns of the portal are not all here.",
}


@click.group(cls=Group)
def pattern() -> None:
    """Custom patterns: list them, look for new ones, deploy them to endpoints, clean up again."""


@pattern.command(name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """Show the patterns, the unresolved endpoints, and the last deployments."""
    document = ask(lambda client: client.patterns())
    emit(document.plain()) if as_json else show(_page(document))


@pattern.command()
@json_option
def check(*, as_json: bool) -> None:
    """Look for new patterns at the portal now, and wait for the end of that."""

    async def checked(client: ControlClient) -> PatternsDocument:
        document = await client.check_patterns()
        before = document.checks
        async for _ in client.status_stream():
            document = await client.patterns()
            if document.checks > before or document.state == "disabled":
                break
        return document

    document = ask(checked)
    if as_json:
        emit(document.plain())
    else:
        show(_page(document))
    if document.last_failure is not None:
        raise click.exceptions.Exit(1)


@pattern.command()
@click.argument("number", metavar="ID", type=click.IntRange(1, 999_999_999))
@click.option("--endpoint", "names", multiple=True, metavar="NAME", help="Host name; may be repeated.")
@click.option("--unresolved", is_flag=True, help="All endpoints that threat events name as unresolved.")
@click.option(
    "--wait", is_flag=True, help="Wait for the end: an hour at most, where endpoints are unreachable."
)
@json_option
def deploy(number: int, names: tuple[str, ...], *, unresolved: bool, wait: bool, as_json: bool) -> None:
    """Deploy the pattern with this Pattern ID. With --wait, exit code 1 if it failed at any endpoint."""
    if not names and not unresolved:
        raise click.UsageError("Say where to: --endpoint NAME, or --unresolved.")
    _begin(DeployRequest(pattern=number, endpoints=names, unresolved=unresolved), wait=wait, as_json=as_json)


@pattern.command()
@click.argument("number", metavar="ID", type=click.IntRange(1, 999_999_999))
@click.option("--endpoint", "names", multiple=True, metavar="NAME", help="Host name; may be repeated.")
@click.option("--deployed", is_flag=True, help="All endpoints to which this pattern was deployed.")
@click.option("--unresolved", is_flag=True, help="Those of them that threat events name as unresolved.")
@click.option(
    "--wait", is_flag=True, help="Wait for the end: an hour at most, where endpoints are unreachable."
)
@json_option
def cleanup(
    number: int, names: tuple[str, ...], *, deployed: bool, unresolved: bool, wait: bool, as_json: bool
) -> None:
    """Run custom cleanup again, by the pattern with this Pattern ID, where it was deployed before.

    With --wait, exit code 1 if it failed at any endpoint.
    """
    if not names and not deployed and not unresolved:
        raise click.UsageError("Say where: --endpoint NAME, --deployed, or --unresolved.")
    request = DeployRequest(
        action="cleanup", pattern=number, endpoints=names, deployed=deployed, unresolved=unresolved
    )
    _begin(request, wait=wait, as_json=as_json)


def _begin(request: DeployRequest, *, wait: bool, as_json: bool) -> None:
    """Begin it, follow it to its end if wanted, and tell it. Exits with 1 where it failed."""

    async def deployed(client: ControlClient) -> DeploymentInfo:
        info = await client.deploy_pattern(request)
        while wait and info.state != "done":
            info = await client.deployment(info.number, wait=True)
        return info

    info = ask(deployed)
    emit(info.plain()) if as_json else show(_deployment(info))
    if wait and info.failed:
        raise click.exceptions.Exit(1)


@pattern.command(name="forget-root")
@json_option
def forget_root(*, as_json: bool) -> None:
    """Forget by which keys patterns are verified: those that the portal names next are trusted then."""
    reply = ask(lambda client: client.forget_pattern_root())
    if as_json:
        emit(reply.plain())
    elif reply.forgotten:
        show(["Forgotten. The keys that the portal names now are trusted."])
    else:
        raise TmError("No keys were trusted.", "They come with the registration.")


def _page(document: PatternsDocument) -> Iterator[str]:
    off = document.state == "disabled"
    yield f"{why_off()}: custom patterns are not downloaded." if off else _STATES[document.state]
    yield from _failure(document.last_failure)
    if not document.deployer.ready:
        yield f"! {document.deployer.cause} {document.deployer.remedy}"
    yield ""
    if document.patterns:
        heads = ("ID", "Type", "Version", "State", "Description")
        rows = [(str(p.id), p.type, p.version, p.state, p.description) for p in document.patterns]
        yield from table([heads, *rows])
    else:
        yield "There is no pattern here."
    for one in document.patterns:
        if one.failure is not None:
            yield f"! Pattern {one.id}: {one.failure.cause} {one.failure.remedy}"
    yield from (f"! {one.words}" for one in document.unreadable)
    yield ""
    yield f"Unresolved: {count(document.unresolved_total, 'endpoint')}"
    rows4 = [
        (f"  {e.hostname}", e.ip or "", e.status, f"{e.threat} ({e.severity})") for e in document.unresolved
    ]
    yield from table(rows4) if rows4 else ()
    for info in document.deployments:
        yield ""
        yield from _deployment(info)


def _failure(failure: LastFailure | None) -> Iterator[str]:
    if failure is not None:
        yield f"! {failure.code}: {failure.cause} {failure.remedy}"


def _deployment(info: DeploymentInfo) -> Iterator[str]:
    cleanup = info.action == "cleanup"
    parts = [f"{info.deployed} {'cleaned up' if cleanup else 'deployed'}", f"{info.failed} failed"]
    left = info.endpoints - info.deployed - info.failed
    if left:
        again = f", tried again in {span(info.retry_in_seconds)}" if info.retry_in_seconds else ""
        parts.append(f"{left} to do{again}")
    what = f"Custom cleanup {info.number} by" if cleanup else f"Deployment {info.number} of"
    where = f"{'on' if cleanup else 'to'} {count(info.endpoints, 'endpoint')}"
    of = f"{what} pattern {info.pattern} {where}"
    yield f"{of}, by {info.by}: {info.state}, {', '.join(parts)}"
    rows = [(f"  {r.hostname}", r.state, r.cleanup or r.code or "", r.detail) for r in info.results]
    yield from table(rows) if rows else ()
