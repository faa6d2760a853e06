"""A connection test as rows, whoever shows them: failures first, then a line for each server."""

from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from screens.desk.probing import Probing
    from tm_tui.api.agent import StepEvent

__all__ = ["STEPS", "ProbeRow", "detailed_rows", "rows_of", "server_words", "step_name"]

STEPS = 8
"""Steps of each of the two servers; each ends, if only as skipped."""
_INDENT = 6
_SERVERS = ("log_server", "status_server")


class ProbeRow(NamedTuple):
    """One row. `word` is ok, FAIL, `..` or empty, where it explains a row; `step` is the one that failed."""

    word: str
    words: str
    step: "StepEvent | None" = None


def step_name(step: str) -> str:
    """`log_server.host_key` in words."""
    server, _, stage = (part.replace("_", " ") for part in step.partition("."))
    return f"{server}, {stage}"


def rows_of(probing: "Probing", width: int) -> list[ProbeRow]:
    """All that must be known: each failure with remedy and cause, and one row for every other server."""
    rows = list(_failures(probing, width))
    failed = {_server(step) for step in probing.failed}
    for server in _SERVERS:
        steps = [step for step in probing.steps if _server(step) == server]
        if steps and server not in failed:
            rows.append(_server_row(server, steps, width))
    return rows


def detailed_rows(probing: "Probing", width: int) -> list[ProbeRow]:
    """The same with a row for each step, where there is room for all."""
    rest = (step for step in probing.steps if step.outcome in {"started", "passed"})
    ordered = sorted(rest, key=lambda step: _SERVERS.index(_server(step)))
    return [*_failures(probing, width), *(_step_row(step, width) for step in ordered)]


def _failures(probing: "Probing", width: int) -> "Iterator[ProbeRow]":
    failed = sorted(probing.failed, key=lambda step: _SERVERS.index(_server(step)))
    for (_, remedy), alike in groupby(failed, lambda step: (step.code, step.remedy)):
        steps = list(alike)
        yield from (_step_row(step, width) for step in steps)
        yield from _explained((remedy, *dict.fromkeys(step.cause or step.detail for step in steps)), width)
    if probing.broken is not None:
        yield from _explained(probing.broken, width)


def _explained(words: "tuple[str | None, ...]", width: int) -> "Iterator[ProbeRow]":
    text = " ".join(part for part in words if part)
    for line in wrap(text, width - _INDENT - 2):
        yield ProbeRow("", " " * _INDENT + line)


def _step_row(step: "StepEvent", width: int) -> ProbeRow:
    word = {"started": "..", "passed": "ok", "failed": "FAIL"}[step.outcome]
    took = f"{step.seconds * 1000:.0f} ms" if step.outcome != "started" else ""
    failed = step.outcome == "failed"
    stage = step.step.partition(".")[2].replace("_", " ")
    detail = _cut((step.code or "") if failed else step.detail, width - 48)
    words = f"{word:<5}{_named(step):<15}{stage:<16}{detail:<{width - 48}}{took:>10}"
    return ProbeRow(word, f" {words}", step if failed else None)


def _server_row(server: str, steps: "list[StepEvent]", width: int) -> ProbeRow:
    running = next((step for step in steps if step.outcome == "started"), None)
    over = sum(step.outcome != "started" for step in steps)
    word = "ok" if over == STEPS else ".."
    took = f"{sum(step.seconds for step in steps) * 1000:.0f} ms" if over == STEPS else ""
    said = server_words(steps) if running is None else running.step.partition(".")[2].replace("_", " ")
    words = f"{word:<5}{server.replace('_', ' '):<15}{_cut(said, width - 32):<{width - 32}}{took:>10}"
    return ProbeRow(word, f" {words}")


def server_words(steps: "list[StepEvent]") -> str:
    """By what a server has shown who it is: the rest went well, as nobody need read."""
    shown = [step.detail for step in steps if step.step.endswith((".host_key", ".tls")) and step.detail]
    return shown[0] if shown else "all steps passed"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def _server(step: "StepEvent") -> str:
    return step.step.partition(".")[0]


def _named(step: "StepEvent") -> str:
    return _server(step).replace("_", " ")
