"""What the journal says of notices: a line a kind and beat; one in all of a kind that is not known here."""

from collections.abc import Iterable
from itertools import groupby
from logging import Logger

from tm_tui.reports.protocol import NOTICE_KIND as REPORT
from tm_tui.status_server.protocol import Notice

__all__ = ["Announced"]

_KNOWN = frozenset({"pattern", REPORT})
_MOST_UNKNOWN = 10


class Announced:
    """Told of the notices of each beat that are new."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._unknown: set[str] = set()

    def tell(self, notices: Iterable[Notice]) -> None:
        """Write what is new; later versions may announce other kinds, which are none of our business."""
        for kind, group in groupby(sorted(notices, key=_kind), _kind):
            if kind not in _KNOWN:
                self._tell_unknown(kind)
                continue
            found = tuple(group)
            name = found[-1].title or found[-1].id
            if len(found) == 1:
                self._log.info("TMSP announces a %s: %s.", kind, name)
            else:
                self._log.info("TMSP announces %d %ss, the newest: %s.", len(found), kind, name)

    def _tell_unknown(self, kind: str) -> None:
        if kind in self._unknown or len(self._unknown) > _MOST_UNKNOWN:
            return
        self._unknown.add(kind)
        if len(self._unknown) > _MOST_UNKNOWN:
            self._log.info("TMSP announces things of more and more kinds that this version does not know.")
        else:
            self._log.info("TMSP announces things of a kind that this version does not know: %s.", kind)


def _kind(notice: Notice) -> str:
    return notice.kind
