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
        with os.fdopen(handle, "w", encoding="utf-8") as report:
            report.write("\n".join(lines) + "\n")
    except OSError:
        return None
    return Path(name)


def last_line(error: BaseException, report: Path | None) -> str:
    """The one line for the terminal."""
    where = f"The report is in {report}." if report is not None else "No report could be written."
    return f"The program stopped because of a fault of its own ({type(error).__name__}). {where}"
