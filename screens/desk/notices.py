"""The line above the status panel: what was told last, where, and until when it is true."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from screens.desk.draft import Draft

__all__ = ["NOTHING", "Follow", "Notice", "stand_of"]

_SECONDS = 60.0
"""So long a notice stands, if nothing ends it before."""

Follow = Callable[[], str]
"""The newest words of what goes on (a case, a deployment); empty once they say nothing any more."""


class Notice(NamedTuple):
    """It belongs to one page and to what stood on the forms then; both None: to the whole console."""

    words: str = ""
    wrong: bool = False
    at: float = 0.0
    """The monotonic second at which it was told."""
    page: str | None = None
    """The entry whose page was in sight."""
    stand: object = None
    """What was saved and typed then, as `stand_of` says it."""
    follow: Follow | None = None

    def as_of(self, now: float, page: str, draft: "Draft | None") -> "Notice":
        """Itself in its newest words, or nothing: its page was left, a value changed, or it had its time."""
        if not self.words or (self.page is not None and self.page != page):
            return NOTHING
        if self.stand is not None and self.stand != stand_of(draft):
            return NOTHING
        words = self.words if self.follow is None else self.follow()
        if words != self.words:
            return self._replace(words=words, at=now) if words else NOTHING
        return self if now - self.at <= _SECONDS else NOTHING

    def on(self, page: str) -> "Notice":
        """Take it along to a page that is opened because of it."""
        return self if self.page is None else self._replace(page=page)


NOTHING = Notice()


def stand_of(draft: "Draft | None") -> object:
    """What a notice is about: the revision that is saved, and what is typed on top of it."""
    if draft is None:
        return None
    secrets = tuple(sorted((name, hash(secret)) for name, secret in draft.secrets.items()))
    return draft.base.revision, tuple(sorted(draft.typed.items())), secrets, draft.kept
