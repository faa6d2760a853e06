"""The real console with our driver; each frame that it sent is one JSON line in the file BENCH_FRAMES."""

import json
import os
import sys
import time
from pathlib import Path

from screens.terminal.cursor import place
from screens.terminal.driver import SlowLineDriver
from tests.wire.real import main


class Recorder(SlowLineDriver):
    """Our driver; a frame is written after it was sent, so that the figures are the plain driver's."""

    feeding = 0.0

    def show(self, update: object) -> None:
        """As the driver does, timed."""
        started = time.process_time()
        super().show(update)
        self.feeding += time.process_time() - started

    def next_bytes(self, budget: int | None) -> bytes:
        """As the driver does, timed and recorded."""
        started = time.process_time()
        data = super().next_bytes(budget)
        seconds, fed, self.feeding = time.process_time() - started, self.feeding, 0.0
        frame, looks = self.session.frame, self.session.palette.looks
        rows = [
            [[sign, looks[look].attributes] for sign, look in zip(signs, row, strict=True)]
            for signs, row in zip(frame.signs, frame.looks, strict=True)
        ]
        told = {"rows": rows, "cursor": place(self._app), "seconds": seconds, "fed": fed, "bytes": len(data)}
        with Path(os.environ["BENCH_FRAMES"]).open("a") as file:
            file.write(json.dumps(told) + "\n")
        return data


if __name__ == "__main__":
    sys.exit(main(Recorder))
