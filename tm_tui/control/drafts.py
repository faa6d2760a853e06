"""What was typed and not saved when a console logged out: in memory only, each user's for that user alone."""

from dataclasses import dataclass

from pydantic import SecretStr

from tm_tui.clock import Clock
from tm_tui.control.api import DraftRequest, KeptDraft, SecretChanges, SessionInfo
from tm_tui.control.session_api import SECRET_NAMES
from tm_tui.errors import Problem, SettingsRefused

__all__ = ["Drafts"]

_MOST_USERS = 50


@dataclass(frozen=True, slots=True)
class _Kept:
    shown: KeptDraft
    secrets: dict[str, SecretStr]


class Drafts:
    """By the kernel's user. Gone when the agent ends, when it is saved, when it is discarded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[int, _Kept] = {}

    def keep(self, uid: int, who: SessionInfo, draft: DraftRequest) -> KeptDraft:
        """Keep this in the place of what this user left before; the oldest of too many users gives way."""
        known = self._kept[uid].secrets if uid in self._kept else {}
        still = tuple(name for name in draft.secrets.kept if name in known)
        secrets = self.given(
            uid, SecretChanges(tmsp=draft.secrets.tmsp, proxy=draft.secrets.proxy, kept=still)
        )
        given = {name: secret for name, secret in secrets.items() if secret is not None}
        names = tuple(name for name in SECRET_NAMES if name in given)
        shown = KeptDraft(
            revision=draft.revision,
            typed=draft.typed,
            secrets=names,
            removed=tuple(name for name in names if not given[name].get_secret_value()),
            kept_at=self._clock.now(),
            tty=who.tty,
        )
        self._kept.pop(uid, None)
        self._kept[uid] = _Kept(shown, given)
        while len(self._kept) > _MOST_USERS:
            del self._kept[next(iter(self._kept))]
        return shown

    def of(self, uid: int) -> KeptDraft | None:
        """What this user left, without its passwords."""
        kept = self._kept.get(uid)
        return kept.shown if kept else None

    def drop(self, uid: int) -> None:
        """It was saved or given up."""
        self._kept.pop(uid, None)

    def given(self, uid: int, changes: SecretChanges) -> dict[str, SecretStr | None]:
        """The passwords of a request: those that came with it, and those of this user that it refers to.

        Raises SettingsRefused when one of these is not kept any more.
        """
        kept = self._kept.get(uid)
        found = changes.by_name()
        for name in changes.kept:
            if found[name] is None and (kept is None or name not in kept.secrets):
                gone = "The password that was typed before the logout is not kept any more."
                raise SettingsRefused((Problem(f"{name}.password", gone, "Type it again."),))
            if found[name] is None and kept is not None:
                found[name] = kept.secrets[name]
        return found
