"""What was typed and not saved when a console logged out: in memory only, each user's for that user alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr

from tm_tui.api.agent import KeptDraft, SessionInfo
from tm_tui.api.requests import DraftRequest, SecretChanges
from tm_tui.clock import Clock
from tm_tui.errors import PasswordAgain, Problem, SettingsRefused
from tm_tui.settings.fields import FIELDS
from tm_tui.settings.model import Settings
from tm_tui.settings.plain import with_value
from tm_tui.settings.targets import Targets, asked_again, targets_of

__all__ = ["Drafts"]

_MOST_USERS = 50
_NAMES: tuple[Literal["tmsp", "proxy"], ...] = ("tmsp", "proxy")
_KEYS = frozenset(spec.key for spec in FIELDS if spec.kind != "secret")


@dataclass(frozen=True, slots=True)
class _Password:
    """One password, and for whom it was typed."""

    secret: SecretStr
    meant: Targets


@dataclass(frozen=True, slots=True)
class _Kept:
    shown: KeptDraft
    secrets: dict[str, _Password]


class Drafts:
    """By the kernel's user. Gone when the agent ends, when it is saved, when it is discarded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[int, _Kept] = {}

    def keep(self, uid: int, who: SessionInfo, draft: DraftRequest, base: Settings) -> KeptDraft:
        """Keep this in the place of what this user left before; the oldest of too many users gives way.

        `base` are the settings that the draft stands on: with what was typed they say for whom a password is.
        """
        known = self._kept[uid].secrets if uid in self._kept else {}
        settings = _on_top(base, draft.typed)
        given: dict[str, _Password] = {name: known[name] for name in draft.secrets.kept if name in known}
        given |= {
            name: _Password(secret, targets_of(name, settings))
            for name, secret in draft.secrets.by_name().items()
            if secret is not None
        }
        names = tuple(name for name in _NAMES if name in given)
        shown = KeptDraft(
            revision=draft.revision,
            typed=draft.typed,
            secrets=names,
            removed=tuple(name for name in names if not given[name].secret.get_secret_value()),
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

    def given(self, uid: int, changes: SecretChanges, settings: Settings) -> dict[str, SecretStr | None]:
        """The passwords of a request: those that came with it, and those of this user that it refers to.

        Raises SettingsRefused when one of these is not kept any more, PasswordAgain when under `settings` it
        would go to somebody else than it was typed for.
        """
        kept = self._kept.get(uid)
        found = changes.by_name()
        again: list[Problem] = []
        for name in changes.kept:
            if found[name] is not None:
                continue
            if kept is None or name not in kept.secrets:
                gone = "The password that was typed before the logout is not kept any more."
                raise SettingsRefused((Problem(f"{name}.password", gone, "Type it again."),))
            secret = found[name] = kept.secrets[name].secret
            if secret.get_secret_value():
                again += asked_again(name, kept.secrets[name].meant, targets_of(name, settings.plain()))
        if again:
            raise PasswordAgain(tuple(again))
        return found


def _on_top(base: Settings, typed: Mapping[str, str | bool]) -> Mapping[str, Any]:
    """The settings that were on the forms, in their normal form if they have one."""
    settings: Mapping[str, Any] = base.plain()
    for key in _KEYS & typed.keys():
        settings = with_value(settings, key, typed[key])
    try:
        return Settings.parse(settings).plain()
    except SettingsRefused:
        return settings
