"""`tm-tui explain`: a failure code in plain words, without a network."""

import re
from difflib import get_close_matches
from textwrap import wrap

import click
from click.shell_completion import CompletionItem

from tm_tui.cli.output import emit, json_option, show
from tm_tui.explain import codes, explanation

__all__ = ["explain"]

_WIDTH = 100
_CODE = re.compile(r"[a-z0-9-]{1,40}")


def _complete(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(code) for code in codes() if code.startswith(begun)]


@click.command()
@click.argument("code", required=False, shell_complete=_complete)
@json_option
def explain(*, code: str | None, as_json: bool) -> None:
    """Say what the failure CODE means and what to do; without one, list all codes."""
    if code is None:
        emit({"codes": codes()}) if as_json else show(codes())
        return
    text = explanation(code)
    if text is None:
        near = get_close_matches(code, codes(), 1)
        hint = f" Did you mean {near[0]}?" if near else " `tm-tui explain` lists all."
        shown = f" {code}" if _CODE.fullmatch(code) else ""  # what does not look like one is not repeated
        raise click.UsageError(f"There is no failure code{shown}.{hint}")
    if as_json:
        emit({"code": code, "text": text})
    else:
        lines = [part for line in text.splitlines() for part in wrap(line, _WIDTH) or [""]]
        show([code, "", *lines])
