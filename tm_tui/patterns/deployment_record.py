"""One deployment on the disk: a plan that never changes, and a journal of what came of it.

The threat event log entries that follow from it are the same each time they are made.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tm_tui.atomic import Folder
from tm_tui.errors import StorageFailed
from tm_tui.patterns.pattern import Pattern
from tm_tui.spool.events import Severity, Status
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Count, Moment, wrong_in

__all__ = ["SUCCEEDED", "Action", "Deployment", "Plan", "Result", "Target", "events_of"]

MOST_TARGETS = 5000
_MOST_PLAN, _MOST_JOURNAL = 4 << 20, 64 << 20
_NOT_BEGUN = frozenset({"deployer-missing", "deployer-unusable", "deployer-no-pattern"})
"""Codes of results that say nothing of the endpoint: nobody has tried anything there."""


Action = Literal["deploy", "cleanup"]
"""What is done at the endpoints: the pattern is put there and its cleanup follows, or cleanup alone again."""
SUCCEEDED = frozenset({"deployed", "done"})
"""States of results that went well."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Target(_Kept):
    """An endpoint of a deployment, and the threat for which it is done."""

    hostname: Annotated[SafeText, Field(min_length=1, max_length=256)]
    ip: SafeText | None = None
    mac: SafeText | None = None
    threat: SafeText
    severity: Severity


class Plan(_Kept):
    """What was asked for. `uid` makes the ids of its events unique for ever."""

    action: Action = "deploy"
    number: Annotated[int, Field(ge=1, le=999_999_999)]
    uid: str
    pattern: Pattern
    by: SafeText
    started_at: Moment
    targets: Annotated[tuple[Target, ...], Field(max_length=MOST_TARGETS)]


class Result(_Kept):
    """What came of one endpoint, by its place in the plan; `retrying` is not the last word."""

    n: Count
    at: Moment
    state: Literal["deployed", "done", "failed", "retrying"]
    cleanup: Status | None = None
    code: str | None = None
    detail: SafeText = ""

    @property
    def final(self) -> bool:
        """Whether it is over at this endpoint."""
        return self.state != "retrying"


class Deployment:
    """A plan with its results so far. `add`, `logged` and `flush` block and raise StorageFailed.

    What happened counts from then on, though the disk refuses to take it: it is brought there later.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self.plan = plan
        self.results: dict[int, Result] = {}
        self.attempts: dict[int, int] = {}
        self.told: set[int] = set()
        """Whose final results are in the log queue."""
        self.running: frozenset[int] = frozenset()
        self.next_try: dict[int, float] = {}
        """When endpoints are tried again, in monotonic seconds; after a restart all of them at once."""
        self.hold_until = 0.0
        """Nothing is tried before, also in monotonic seconds."""
        self._path = path
        self._done = False
        self._begun: set[int] = set()
        self._unwritten: list[bytes] = []

    @classmethod
    def begin(cls, folder: Path, plan: Plan) -> "Deployment":
        """Bring a new plan to the disk. Raises StorageFailed, and there is none then."""
        journal, told = f"{plan.number:09d}.journal", f"{plan.number:09d}.plan"
        with Folder.open(folder, create=True) as opened_folder:
            opened_folder.remove(journal)  # of one that a crash kept from beginning
            try:
                opened_folder.write(journal, b"")
                opened_folder.replace(told, plan.model_dump_json().encode())
            except StorageFailed:
                opened_folder.remove(told)
                opened_folder.remove(journal)
                raise
        return cls(folder / journal, plan)

    @classmethod
    def load(cls, folder: Path, number: int) -> "Deployment | None":
        """Read one again; None if its plan is damaged. What a crash cut off counts as not written."""
        with Folder.open(folder) as opened_folder:
            plan = _plan(opened_folder, number)
            if isinstance(plan, str):
                return None
            found = cls(folder / f"{number:09d}.journal", plan)
            for line in opened_folder.read(f"{number:09d}.journal", _MOST_JOURNAL).splitlines():
                found._take(line)
        return found

    @staticmethod
    def damage(folder: Path, number: int) -> str:
        """Why `load` finds none; empty if the plan is whole. Raises StorageFailed."""
        with Folder.open(folder) as opened_folder:
            plan = _plan(opened_folder, number)
        return plan if isinstance(plan, str) else ""

    def _take(self, line: bytes) -> None:
        try:
            value = json.loads(line)
            if "told" in value:
                self.told.add(int(value["told"]))
            else:
                self._note(Result.model_validate_json(line))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return

    def _note(self, result: Result) -> None:
        if 0 <= result.n < len(self.plan.targets):
            if result.code not in _NOT_BEGUN:
                self._begun.add(result.n)
            self.attempts[result.n] = self.attempts.get(result.n, 0) + 1
            self.results[result.n] = result

    def add(self, result: Result) -> None:
        """Note a result: on the disk when this returns."""
        self._note(result)
        self._append(result.model_dump_json().encode())

    def logged(self, n: int) -> None:
        """Note that the events of a final result are in the log queue."""
        self.told.add(n)
        self._append(json.dumps({"told": n}).encode())

    def begun(self, n: int) -> bool:
        """Whether the deployer was at this endpoint at least once, as far as anybody knows."""
        return n in self._begun

    def _append(self, line: bytes) -> None:
        self._unwritten.append(line)
        self.flush()

    def flush(self) -> None:
        """Bring to the disk what it has not taken yet, whole or not at all."""
        if not self._unwritten:
            return
        # A line that a crash cut off is ended first, so that it spoils no other.
        data = b"".join(b"\n" + line + b"\n" for line in self._unwritten)
        with Folder.open(self._path.parent) as folder:
            folder.append(self._path.name, data)
        self._unwritten.clear()

    def left(self) -> list[int]:
        """Endpoints without a final result."""
        return [
            n for n in range(len(self.plan.targets)) if n not in self.results or not self.results[n].final
        ]

    def untold(self) -> list[Result]:
        """Final results whose events are not in the log queue yet."""
        return [one for n, one in sorted(self.results.items()) if one.final and n not in self.told]

    def due(self, now: float) -> list[int]:
        """Endpoints whose turn it is: those that were never tried first."""
        if now < self.hold_until:
            return []
        due = [n for n in self.left() if self.next_try.get(n, 0.0) <= now]
        return sorted(due, key=lambda n: (n in self.results, self.next_try.get(n, 0.0)))

    def next_moment(self) -> float | None:
        """When there is something to do next; None: when something else happens."""
        if self._done:
            return None
        moments = [self.next_try.get(n, 0.0) for n in self.left()]
        if self.untold() or self._unwritten:
            moments.append(0.0)
        return max(self.hold_until, min(moments)) if moments else None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do. Once it is so it stays so, and is not counted again."""
        self._done = self._done or not (self.left() or self.untold() or self._unwritten)
        return self._done

    @property
    def ended_at(self) -> datetime | None:
        """When the last endpoint had its result."""
        return None if self.left() else max((one.at for one in self.results.values()), default=None)


def _plan(folder: Folder, number: int) -> Plan | str:
    """A plan, or what is wrong with it."""
    try:
        plan = Plan.model_validate_json(folder.read(f"{number:09d}.plan", _MOST_PLAN))
    except ValidationError as error:
        return safe_text(wrong_in(error))
    return plan if plan.number == number else f"It is the plan of deployment {plan.number}."


def events_of(plan: Plan, result: Result) -> list[bytes]:
    """The deployment, and the cleanup that followed it where the pattern was deployed; or cleanup alone."""
    if plan.action == "cleanup":
        status = "unsuccessful" if result.state == "failed" else result.cleanup or "cleaned"
        return [_line(plan, result, "c", "post-assessment-cleanup", status)]
    if result.state != "deployed":
        return [_line(plan, result, "d", "custom-pattern-deployment", "unsuccessful")]
    cleanup = result.cleanup or "cleaned"
    return [
        _line(plan, result, "d", "custom-pattern-deployment", "assessed"),
        _line(plan, result, "c", "post-assessment-cleanup", cleanup),
    ]


def _line(plan: Plan, result: Result, which: str, event_type: str, status: str) -> bytes:
    target = plan.targets[result.n]
    addresses = {"ip": target.ip, "mac": target.mac}
    event: dict[str, Any] = {
        "kind": "threat-event",
        "id": f"pattern-{plan.pattern.id}-{plan.uid}-{result.n}-{which}",
        "time": result.at.isoformat(),
        "endpoint": {"hostname": target.hostname, **{k: v for k, v in addresses.items() if v is not None}},
        "event_type": event_type,
        "source": "tmsp",
        "status": status,
        "threat": {"name": target.threat, "severity": target.severity},
    }
    return json.dumps(event).encode()
