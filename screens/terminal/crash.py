"""A crash as one clear line and a report that holds places in the code, but no values.

Values may be secrets.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple


class Crash(NamedTuple):
    """What may be told of an exception that nobody expected."""

    kind: str
    """The exception's type."""
    place: str
    """`file.py:12`: the last place in the program's own code, "an unknown place" if there is none."""
    report: Path | None
    """The file with all places; None if none was written."""

    def line(self, program: str = "The program") -> str:
        """The one line for the terminal."""
        where = f"The report is in {self.report}." if self.report else "No report was written."
        return f"{program} because of a bug ({self.kind} at {self.place}). {where}"


def note(
    error: BaseException, folder: Path | None = None, own: Path | None = None, *, report: bool = True
) -> Crash:
    """Write the report (see ``write_report``); ``own`` is the folder of the program's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if own and Path(frame.filename).is_relative_to(own)] or list(frames)
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"
    return Crash(type(error).__name__, place, write_report(error, folder) if report else None)


def write_report(error: BaseException, folder: Path | None = None) -> Path | None:
    """Write the call stacks of an exception and its causes: types, files, lines and functions only.

    Returns the new file, readable by its owner only, in ``folder`` (default: the folder for temporary
    files), or None.
    """
    lines = [time.strftime("%Y-%m-%d %H:%M:%S %z"), f"Python {sys.version.split()[0]}"]
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        lines.append(f"{type(chain).__module__}.{type(chain).__qualname__}")
        lines += [
            f"  {frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(chain.__traceback__)
        ]
        chain = chain.__cause__ or chain.__context__
    try:
        handle, name = tempfile.mkstemp(prefix="crash-", suffix=".txt", dir=folder)
    except OSError:
        return None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as report:
            report.write("\n".join(lines) + "\n")
    except OSError:  # a full disk, or a console that may write no file
        Path(name).unlink(missing_ok=True)
        return None
    return Path(name)
