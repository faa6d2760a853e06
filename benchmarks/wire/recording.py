"""The sample console with our driver; each frame that it sent is one JSON line in the file BENCH_FRAMES."""

import json
import os
import sys
import time
from pathlib import Path

from screens.terminal.cursor import place
from screens.terminal.driver import SlowLineDriver
from tests.wire.sample import build


class Recorder(SlowLineDriver):
    """Our driver; a frame is written after it was sent, so that the figures are the plain driver's."""

    def next_bytes(self, budget: int | None) -> bytes:
        """As the driver does, timed and recorded."""
        started = time.process_time()
        data = super().next_bytes(budget)
        seconds = time.process_time() - started
        frame, looks = self.session.frame, self.session.palette.looks
        rows = [
            [[sign, looks[look].attributes] for sign, look in zip(signs, row, strict=True)]
            for signs, row in zip(frame.signs, frame.looks, strict=True)
        ]
        with Path(os.environ["BENCH_FRAMES"]).open("a") as file:
            file.write(
                json.dumps({"rows": rows, "cursor": place(self._app), "seconds": seconds, "bytes": len(data)})
                + "\n"
            )
        return data


if __name__ == "__main__":
    app = build("ours")
    app.driver_class = Recorder
    app.run(mouse=False)
    sys.exit(app.return_code or 0)
