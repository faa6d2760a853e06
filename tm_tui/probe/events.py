"""The steps of one server as they happen: each ends once, in the order in which a connection is made."""

from collections.abc import Callable
from typing import Literal

from tm_tui.api.agent import HostKeyInfo, ReportFailure, StepEvent
from tm_tui.clock import Clock
from tm_tui.errors import TmError

__all__ = ["NO_PROXY", "Emit", "ServerName", "Steps"]

ServerName = Literal["log_server", "status_server"]
Emit = Callable[[StepEvent], None]

NO_PROXY = "no proxy"
_PASSED_OVER = "not needed"


class Steps:
    """Tells of one server's steps through `emit`; `failures` keeps what the report repeats.

    The link may leave a stage out (an IP address needs no name) or tell of one again (a second connection):
    what was left out is skipped, what has ended stays ended.
    """

    def __init__(self, server: ServerName, stages: tuple[str, ...], emit: Emit, clock: Clock) -> None:
        self.server = server
        self.failures: tuple[ReportFailure, ...] = ()
        self.current: str | None = None
        self.on_start: Callable[[str], None] | None = None
        self._waiting = list(stages)
        self._left_out: dict[str, str] = {}
        self._emit = emit
        self._clock = clock
        self._since = 0.0

    def start(self, stage: str, why_not_others: str = _PASSED_OVER) -> None:
        """Begin `stage`. One that is under way has passed then, those before that never began are skipped."""
        if stage not in self._waiting:
            return
        self.passed()
        while self._waiting[0] != stage:
            self.skip(self._waiting[0], why_not_others)
        self.current = self._waiting.pop(0)
        self._since = self._clock.monotonic()
        if self.on_start:
            self.on_start(stage)
        self._emit(StepEvent(step=self._name(stage), outcome="started"))

    def passed(self, detail: str = "", host_key: HostKeyInfo | None = None) -> None:
        """End the stage under way; without one, nothing happens."""
        if self.current is not None:
            self._end("passed", detail=detail, host_key=host_key)

    def leave_out(self, stage: str, why: str) -> None:
        """Say beforehand that `stage` will not come, and why: it is skipped when its turn is over."""
        self._left_out[stage] = why

    def skip(self, stage: str, why: str) -> None:
        """Leave `stage` out, or give it up while it is under way."""
        if stage == self.current:
            self._end("skipped", detail=why)
        elif stage in self._waiting:
            self._waiting.remove(stage)
            detail = self._left_out.get(stage, why)
            self._emit(StepEvent(step=self._name(stage), outcome="skipped", detail=detail))

    def fail(self, stage: str, code: str, failure: TmError, host_key: HostKeyInfo | None = None) -> None:
        """End with a failure at `stage`; the later steps are skipped.

        A failure of a stage that has ended already belongs to the one under way, or else to the next.
        """
        if stage not in (self.current, *self._waiting):
            stage = self.current or self._waiting[0]
        because = f"because the step {stage} failed"
        if stage != self.current:
            self.start(stage, because)
        self._end("failed", code=code, cause=failure.cause, remedy=failure.remedy, host_key=host_key)
        failed = ReportFailure(step=self._name(stage), code=code, cause=failure.cause, remedy=failure.remedy)
        self.failures = (*self.failures, failed)
        for later in tuple(self._waiting):
            self.skip(later, because)

    def _name(self, stage: str) -> str:
        return f"{self.server}.{stage}"

    def _end(
        self,
        outcome: Literal["passed", "failed", "skipped"],
        *,
        detail: str = "",
        code: str | None = None,
        cause: str | None = None,
        remedy: str | None = None,
        host_key: HostKeyInfo | None = None,
    ) -> None:
        stage, self.current = self.current or "", None
        self._emit(
            StepEvent(
                step=self._name(stage),
                outcome=outcome,
                seconds=round(self._clock.monotonic() - self._since, 4),
                detail=detail,
                code=code,
                cause=cause,
                remedy=remedy,
                host_key=host_key,
            )
        )
