"""What the agent writes to its log: safe characters only, and nothing from libraries that log credentials."""

import logging
import sys

from tm_tui.agent.journald import JournalHandler, journal_reads_stderr
from tm_tui.text import safe_text

__all__ = ["set_up_log"]

_PINNED = ("httpx", "httpcore", "asyncssh", "uvicorn", "hpack", "asyncio")
"""At INFO and DEBUG these write URLs, headers and passwords."""
_PEERS = "uvicorn.error"
"""Up to WARNING it writes a line for each request that is none: any user could fill the disk."""
_LONGEST_LINE = 2000


class _SafeLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Make each line of the record safe; a traceback keeps its lines."""
        return "\n".join(safe_text(line, _LONGEST_LINE) for line in super().format(record).split("\n"))


def set_up_log(level: int = logging.INFO) -> None:
    """Log to standard error; under systemd to the journal, which knows time and level by itself."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_SafeLines("%(asctime)s %(levelname)s %(message)s"))
    if journal_reads_stderr():
        handler = JournalHandler(handler)
        handler.setFormatter(_SafeLines("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _PINNED:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(_PEERS).setLevel(logging.ERROR)
