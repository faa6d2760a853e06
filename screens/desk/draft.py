"""What is typed and not yet saved, as pure values: refusal, conflict and a lost agent lose none of it."""

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from tm_tui.api.agent import KeptDraft, SettingsDocument
from tm_tui.errors import Problem
from tm_tui.settings.plain import SECRET_NAMES, default_port
from tm_tui.settings.targets import Targets, asked_again, targets_of

if TYPE_CHECKING:
    from pydantic import SecretStr

    from tm_tui.api.requests import SecretChanges

__all__ = ["SECRETS", "Draft", "Fingerprint", "Value"]

Value = str | bool
"""A field as the form holds it: text as typed, or a switch."""

SECRETS = MappingProxyType({"tmsp.password": "tmsp", "proxy.password": "proxy"})
"""The two fields that are passwords, and the names of their secrets."""

_NO_TEST = ("spool.", "console.")
"""Settings of the log queue say nothing of servers and the way to them."""
_PORT_OF = {"tmsp.log_server.protocol": "tmsp.log_server.port", "proxy.type": "proxy.port"}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Exactly which values a test saw. Holds passwords (masked in repr), so it stays in memory."""

    revision: int
    candidate: str
    secrets: "tuple[tuple[str, SecretStr], ...]"
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Draft:
    """The saved revision (`base`) with what was typed on top. Never changed in place."""

    base: SettingsDocument
    typed: Mapping[str, Value] = field(default_factory=dict)
    secrets: "Mapping[str, SecretStr]" = field(default_factory=dict)
    """New passwords by name (tmsp, proxy); an empty one removes the saved."""
    kept: frozenset[str] = frozenset()
    """Passwords by name that were typed before a logout: the agent has them, they are never here."""
    kept_for: Mapping[str, Targets] = field(default_factory=dict)
    """For whom those were typed: what was on the forms when they were taken back."""
    tested: tuple[Fingerprint, bool] | None = None
    """The last finished test: of what, and whether it passed."""

    def value(self, key: str) -> Value:
        """The value of a field that is no password."""
        return self.typed.get(key, self.saved_value(key))

    def saved_value(self, key: str) -> Value:
        """What is saved for this field, as the form would hold it."""
        value: Any = self.base.settings
        for part in key.split("."):
            value = value.get(part, "") if isinstance(value, Mapping) else ""
        return value if isinstance(value, bool | str) else str(value)

    def has_secret(self, name: str) -> bool:
        """Whether a password would be set after saving."""
        if name in self.secrets:
            return bool(self.secrets[name].get_secret_value())
        return name in self.kept or name in self.base.secrets_set

    def with_value(self, key: str, value: Value) -> "Draft":
        """Type one field. A port that was its protocol's default follows the protocol."""
        typed = _put(self.typed, key, value, self.saved_value(key))
        port = _PORT_OF.get(key)
        fitting = _default_of(value)
        if port and fitting and self.value(port) == _default_of(self.value(key)):
            typed = _put(typed, port, fitting, self.saved_value(port))
        return replace(self, typed=typed)

    def with_secret(self, name: str, secret: "SecretStr | None") -> "Draft":
        """Type one password; None leaves the saved one, an empty one removes it."""
        rest = {known: kept for known, kept in self.secrets.items() if known != name}
        if secret is not None and (secret.get_secret_value() or name in self.base.secrets_set):
            rest[name] = secret
        return replace(self, secrets=MappingProxyType(rest), kept=self.kept - {name})

    def with_kept(self, draft: KeptDraft) -> "Draft":
        """Take back what the agent kept from before a logout, under what is typed now."""
        from pydantic import SecretStr

        found = self
        for key, value in draft.typed.items():
            if key not in found.typed:
                found = replace(found, typed=_put(found.typed, key, value, found.saved_value(key)))
        for name in draft.removed:
            if name not in found.secrets:
                found = found.with_secret(name, SecretStr(""))
        kept = frozenset(draft.secrets) - set(draft.removed) - found.secrets.keys()
        settings = found.checked()
        meant = dict(found.kept_for) | {name: targets_of(name, settings) for name in kept}
        return replace(found, kept=found.kept | kept, kept_for=MappingProxyType(meant))

    def without(self, keys: Iterable[str]) -> "Draft":
        """Give up what was typed into these fields."""
        gone = set(keys)
        names = {SECRETS[key] for key in gone & SECRETS.keys()}
        typed = {key: value for key, value in self.typed.items() if key not in gone}
        secrets = {name: secret for name, secret in self.secrets.items() if name not in names}
        left = self.kept - names
        return replace(self, typed=MappingProxyType(typed), secrets=MappingProxyType(secrets), kept=left)

    def changed(self) -> tuple[str, ...]:
        """The keys of the fields that differ from what is saved."""
        return (
            *self.typed,
            *(key for key, name in SECRETS.items() if name in self.secrets or name in self.kept),
        )

    def candidate(self) -> dict[str, Any]:
        """All settings as they would be saved, not yet checked."""
        whole = copy.deepcopy(self.base.settings)
        for key, value in self.typed.items():
            *path, last = key.split(".")
            part = whole
            for name in path:
                part = part.setdefault(name, {})
            part[last] = value
        return whole

    def secret_changes(self) -> "SecretChanges":
        """The passwords that were typed."""
        from tm_tui.api.requests import SecretChanges

        kept = tuple(name for name in SECRET_NAMES if name in self.kept)
        return SecretChanges(tmsp=self.secrets.get("tmsp"), proxy=self.secrets.get("proxy"), kept=kept)

    def problems(self) -> dict[str, Problem]:
        """What the settings model refuses, by field."""
        from screens.desk.judge import refusals

        names = frozenset(name for name in SECRETS.values() if self.has_secret(name))
        found = refusals(self.candidate(), names, self.secrets)
        again = (problem for name in SECRET_NAMES for problem in self.asked_again(name))
        return {problem.field: problem for problem in (*found, *again)}

    def asked_again(self, name: str) -> tuple[Problem, ...]:
        """The problem when a password that is not typed here would go to somebody else; else empty."""
        if name in self.secrets or not self.has_secret(name):
            return ()
        meant = self.kept_for[name] if name in self.kept else targets_of(name, self.base.settings)
        return asked_again(name, meant, targets_of(name, self.checked()))

    def checked(self) -> dict[str, Any]:
        """The candidate in its normal form if the model takes it, else as typed."""
        from screens.desk.judge import normal

        return normal(self.candidate())

    def fingerprint(self) -> Fingerprint:
        """What a test of this moment would see."""
        candidate = json.dumps(self.checked(), sort_keys=True)
        secrets = tuple(sorted(self.secrets.items()))
        return Fingerprint(self.base.revision, candidate, secrets, self.kept)

    def with_test(self, of: Fingerprint, *, passed: bool) -> "Draft":
        """Note a finished test, of values that may be older than these."""
        return replace(self, tested=(of, passed))

    @property
    def test(self) -> Literal["untested", "passed", "failed", "stale"]:
        """What the last test says about these very values."""
        if self.tested is None:
            return "untested"
        of, passed = self.tested
        if of != self.fingerprint():
            return "stale"
        return "passed" if passed else "failed"

    @property
    def concerns_servers(self) -> bool:
        """Whether a test could say anything about what was changed."""
        return any(not key.startswith(_NO_TEST) for key in self.changed())

    @property
    def switches_off(self) -> bool:
        """Whether saving would end the registration."""
        return self.saved_value("tmsp.enabled") is True and self.value("tmsp.enabled") is False

    def after_save(self, sent: "Draft", document: SettingsDocument) -> "Draft":
        """Stand on the new revision; what was typed while `sent` was on its way is kept."""
        typed = {key: value for key, value in self.typed.items() if sent.typed.get(key) != value}
        secrets = {name: secret for name, secret in self.secrets.items() if sent.secrets.get(name) != secret}
        left = self.kept - sent.kept
        rest = replace(self, typed=MappingProxyType(typed), secrets=MappingProxyType(secrets), kept=left)
        rest = rest.rebased(document)
        if self.tested and self.tested[0] == sent.fingerprint() and not rest.changed():
            return rest.with_test(rest.fingerprint(), passed=self.tested[1])
        return rest

    def rebased(self, document: SettingsDocument) -> "Draft":
        """Keep what was typed on top of what somebody else saved; the test is void then."""
        fresh = Draft(document)
        for key, value in self.typed.items():
            fresh = replace(fresh, typed=_put(fresh.typed, key, value, fresh.saved_value(key)))
        for name, secret in self.secrets.items():
            fresh = fresh.with_secret(name, secret)
        return replace(fresh, kept=self.kept, kept_for=self.kept_for)


def _put(typed: Mapping[str, Value], key: str, value: Value, saved: Value) -> Mapping[str, Value]:
    rest = {known: kept for known, kept in typed.items() if known != key}
    if value != saved:
        rest[key] = value
    return MappingProxyType(rest)


def _default_of(protocol: Value) -> str | None:
    try:
        return str(default_port(str(protocol)))
    except KeyError:
        return None
