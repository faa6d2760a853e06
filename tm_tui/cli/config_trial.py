"""Settings on trial from the command line: `--trial`, `tm-tui config confirm` and `acknowledge`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tm_tui.api.agent import AgentStatus, SettingsDocument
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import TrialRequest
from tm_tui.cli.asking import ask
from tm_tui.cli.output import emit, json_option, show
from tm_tui.errors import TmError

__all__ = ["acknowledge", "confirm", "on_trial", "trial_of", "trial_options"]

F = TypeVar("F", bound=Callable[..., Any])


def trial_options(command: F) -> F:
    """Give a command `--trial` and `--minutes`."""
    minutes = click.option(
        "--minutes", type=click.IntRange(1, 120), help="How long the trial lasts (console.trial_minutes)."
    )
    trial = click.option("--trial", is_flag=True, help="Take it back by itself unless it is confirmed.")
    return trial(minutes(command))


def trial_of(*, trial: bool, minutes: int | None) -> TrialRequest | None:
    """The request that the options make. Raises click.UsageError for minutes of no trial."""
    if minutes is not None and not trial:
        raise click.UsageError("--minutes goes with --trial.")
    return TrialRequest(minutes=minutes) if trial else None


async def on_trial(client: ControlClient) -> int:
    """The revision that is on trial. Raises TmError when none is."""
    trial = (await client.status()).trial
    if trial is None:
        raise TmError("No settings are on trial.", "`tm-tui config history` shows what was saved, and how.")
    return trial.revision


@click.command()
@json_option
def confirm(*, as_json: bool) -> None:
    """Keep the settings that are on trial."""

    async def kept(client: ControlClient) -> SettingsDocument:
        return await client.confirm_trial(await on_trial(client))

    document = ask(kept)
    if as_json:
        emit(document.plain())
    else:
        show([f"Revision {document.revision} is confirmed."])


@click.command()
@json_option
def acknowledge(*, as_json: bool) -> None:
    """Say that you have seen that a trial was taken back by itself: it is not told any more."""

    async def seen(client: ControlClient) -> tuple[AgentStatus, AgentStatus]:
        return await client.status(), await client.acknowledge_rollback()

    before, after = ask(seen)
    if as_json:
        emit(after.plain())
    else:
        show([before.rollback.why + "." if before.rollback else "Nothing was taken back by itself."])
