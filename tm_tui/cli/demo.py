"""`tm-tui demo`: the console on a live portal and agent, or without a terminal the same story by itself."""

import asyncio
import json
import signal
import sys

import click

from tm_tui.cli.portal_home import check_extra
from tm_tui.demo.console import open_console
from tm_tui.demo.stage import Stage, stage
from tm_tui.demo.story import STEPS, play
from tm_tui.errors import TmError

__all__ = ["demo"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a step.")
def demo(*, as_json: bool) -> None:
    """Show a portal, an agent and the console at work, in a temporary home."""
    check_extra()
    alone = as_json or not (sys.stdin.isatty() and sys.stdout.isatty())
    sys.exit(asyncio.run(_run(alone=alone, as_json=as_json)))


async def _run(*, alone: bool, as_json: bool) -> int:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel if task else lambda: None)
    try:
        async with stage() as made:
            if alone:
                return await _tell(made, as_json=as_json)
            return await open_console(made)
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    except TmError as error:
        _say(as_json=as_json, ok=False, step="set up the stage", detail=str(error), seconds=0.0)
        return 1


async def _tell(made: Stage, *, as_json: bool) -> int:
    shown = 0
    try:
        async for step, detail, seconds in play(made):
            shown += 1
            _say(as_json=as_json, ok=True, step=step, detail=detail, seconds=seconds)
    except TmError as error:
        step = (STEPS[shown].__doc__ or "").strip()
        _say(as_json=as_json, ok=False, step=step, detail=str(error), seconds=0.0)
        return 1
    if not as_json:
        click.echo(f"All {shown} steps held.")
    return 0


def _say(*, as_json: bool, ok: bool, step: str, detail: str, seconds: float) -> None:
    if as_json:
        click.echo(json.dumps({"ok": ok, "step": step, "detail": detail, "seconds": round(seconds, 3)}))
        return
    click.echo(f"{'ok  ' if ok else 'FAIL'} {step}  [{seconds:.1f} s]\n       {detail}")
