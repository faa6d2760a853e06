"""What differs between two revisions, field by field. Passwords show as words only."""

from dataclasses import dataclass

from pydantic import SecretStr

from tm_tui.settings.fields import label_of
from tm_tui.settings.plain import flat
from tm_tui.settings.revision import Revision
from tm_tui.text import safe_text

__all__ = ["Change", "changed_fields", "differences"]

_MOST_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Change:
    """One field with what it was and what it is, ready to be shown."""

    field: str
    old: str
    new: str


def differences(old: Revision, new: Revision) -> tuple[Change, ...]:
    """List the fields that differ, in the order of settings.toml, then the passwords."""
    before, after = flat(old.settings.plain()), flat(new.settings.plain())
    changes = [
        Change(key, _shown(before[key]), _shown(after[key])) for key in after if before[key] != after[key]
    ]
    if old.ca_pem != new.ca_pem and old.settings.trust.ca_file == new.settings.trust.ca_file:
        changes.append(Change("trust.ca_file", "content before", "content changed"))
    for name in ("tmsp", "proxy"):
        changes += _secret(f"{name}.password", getattr(old.secrets, name), getattr(new.secrets, name))
    return tuple(changes)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_text(str(value))


def _secret(field: str, old: SecretStr | None, new: SecretStr | None) -> list[Change]:
    if old == new:
        return []
    return [Change(field, "set" if old else "not set", "removed" if not new else "changed" if old else "set")]


def changed_fields(old: Revision, new: Revision) -> str:
    """Name the fields that differ by their labels, in a few words for the log."""
    names = [label_of(change.field) for change in differences(old, new)]
    more = f" and {len(names) - _MOST_FIELDS} more" if len(names) > _MOST_FIELDS else ""
    return ", ".join(names[:_MOST_FIELDS]) + more or "nothing differs"
