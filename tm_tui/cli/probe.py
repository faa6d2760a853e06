"""`tm-tui test`: the connection test, one line a step as it happens."""

from collections.abc import Iterator
from contextlib import aclosing
from typing import IO, Any

import click

from tm_tui.api.agent import HostKeyInfo, ProbeReport, StepEvent
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import ProbeRequest, SecretChanges
from tm_tui.cli.again import ask_with, given_passwords, secret_option
from tm_tui.cli.output import count, emit, json_option, show
from tm_tui.cli.reading import read_settings

__all__ = ["probe", "step_lines", "test"]

_WORDS = {"passed": "ok", "failed": "FAIL", "skipped": "skip"}


@click.command()
@click.option(
    "--file", type=click.File("rb"), help="Test the settings of this file (-: standard input), unsaved."
)
@secret_option
@json_option
def test(*, file: IO[bytes] | None, secrets: tuple[str, ...], as_json: bool) -> int:
    """Test the connection to both servers, with the saved settings or with those of a file.

    Passwords are the saved ones, where they go where they were typed for; else they are asked for again.
    """
    settings = read_settings(file).plain() if file else None
    given = given_passwords(secrets, file)
    report = ask_with(given, lambda client, passwords: probe(client, settings, passwords, as_json=as_json))
    return 0 if report.passed else 1


async def probe(
    client: ControlClient, settings: dict[str, Any] | None, passwords: SecretChanges, *, as_json: bool
) -> ProbeReport:
    """Run a test and print it as it goes on; None tests what is saved. Raises TmError when it cannot run."""
    report = ProbeReport(passed=False)
    async with aclosing(client.probe(ProbeRequest(settings=settings, secrets=passwords))) as events:
        async for event in events:
            if isinstance(event, ProbeReport):
                report = event
            elif as_json:
                emit(event.plain())
            else:
                show(step_lines(event))
    if as_json:
        emit({"report": report.plain()})
    else:
        show([_verdict(report)])
    return report


def step_lines(event: StepEvent) -> Iterator[str]:
    """One step that is over, with cause and remedy if it failed; nothing for one that only started."""
    if event.outcome == "started":
        return
    server, _, stage = (part.replace("_", " ") for part in event.step.partition("."))
    milliseconds = f"{event.seconds * 1000:.0f} ms" if event.outcome != "skipped" else ""
    detail = event.code or "failed" if event.outcome == "failed" else event.detail
    yield f"{_WORDS[event.outcome]:<4}  {server:<13}  {stage:<14}  {milliseconds:>8}  {detail}"
    if event.outcome == "failed":
        yield from (f"      {line}" for line in (event.detail, event.cause, event.remedy) if line)
        if event.host_key is not None:
            yield from (f"      {line}" for line in _decision(event.host_key))


def _decision(key: HostKeyInfo) -> Iterator[str]:
    """The commands that approve the key that was shown."""
    yield f"It shows {key.algorithm} {key.fingerprint}. If that is right:"
    if key.state == "changed":
        yield f"  tm-tui trust forget '{key.endpoint}'"
    yield f"  tm-tui trust approve '{key.endpoint}' {key.fingerprint}"


def _verdict(report: ProbeReport) -> str:
    if report.passed:
        return f"Passed in {report.seconds:.1f} s."
    return f"Failed: {count(len(report.failures), 'step')} in {report.seconds:.1f} s."
