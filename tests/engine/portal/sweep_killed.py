"""A sweep that is killed before its nth step: a commit, or the deletion of a blob. Run as a program."""

import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event

from tm_tui.portal.blobs.address import blobs_at
from tm_tui.portal.engines import made_engine
from tm_tui.portal.retention.settings import Retention
from tm_tui.portal.retention.sweeping import sweep


class _Counting:
    """Ends the process as a power cut would, when the steps are used up."""

    def __init__(self, blobs: Any, left: int) -> None:
        self._blobs = blobs
        self._left = left

    def step(self, *_: object) -> None:
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def list(self, prefix: str) -> Any:
        return self._blobs.list(prefix)

    def delete(self, name: str) -> None:
        self.step()
        self._blobs.delete(name)


def main() -> None:
    """Sweep as the argument says; it ends with 0 if there were fewer steps."""
    told = json.loads(sys.argv[1])
    store = told["store"]
    engine = made_engine(store if "://" in store else Path(store))
    blobs = _Counting(blobs_at(told["blobs"], Path(told["home"])), told["steps"])
    event.listen(engine, "commit", blobs.step)
    retention, now = Retention.model_validate(told["retention"]), datetime.fromisoformat(told["now"])
    with engine.connect() as connection:
        for _ in sweep(connection, blobs, retention, now):  # type: ignore[arg-type]
            pass
