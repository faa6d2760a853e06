"""What an admin reads of a bug that cost a page or a command, and no more than that."""

from pathlib import Path

from screens.terminal.crash import note, write_report

__all__ = ["Bugs"]

_OWN = Path(__file__).parents[2]
"""The folder of the program's own code, in which a bug is placed."""


class Bugs:
    """The bugs of one console, each with one report however often it comes."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str], Path | None] = {}

    def words(self, what: str, error: BaseException, folder: Path | None = None, *, reports: bool) -> str:
        """`WHAT because of a bug (ValueError at status.py:41). The report is in FILE.`, never its values.

        The report goes to `folder` (None: the folder for temporary files), and nowhere without `reports`.
        """
        from tm_tui.text import safe_text  # brings pydantic, which the first screen does without

        crash = note(error, own=_OWN, report=False)
        key = (crash.kind, crash.place)
        if key not in self._reports:
            self._reports[key] = write_report(error, folder) if reports else None
        return safe_text(crash._replace(report=self._reports[key]).line(what))
