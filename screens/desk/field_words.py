"""Fields and their values in the words of their form, for questions, notices and plain lines."""

from typing import TYPE_CHECKING

from screens.desk.draft import SECRETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from screens.desk.draft import Draft
    from tm_tui.settings.fields import FieldSpec

__all__ = ["became", "field_help", "field_name", "saved_value", "value_words"]

_ADDRESSES = frozenset({"tmsp.log_server.host", "tmsp.status_server.host"})
_ON_PREMISE = "IP address only, as your portal's administrator gave it: see the TMSP Administrator's Guide."
_FEW = 4
"""So many fields are named; more are counted."""


def field_name(key: str) -> str:
    """A field by its label: `Log server`."""
    from tm_tui.settings.fields import label_of

    return label_of(key)


def field_help(draft: "Draft", spec: "FieldSpec") -> str:
    """What belongs into a field; for the servers' addresses as the edition on the form wants them."""
    if spec.key in _ADDRESSES and draft.value("tmsp.edition") == "on-premise":
        return _ON_PREMISE
    return spec.help


def value_words(draft: "Draft", key: str) -> str:
    """What stands on the form; a password only as words."""
    if key in SECRETS:
        name = SECRETS[key]
        if draft.asked_again(name):
            return "to be typed again"
        typed = ", typed anew" if name in draft.secrets else ""
        return f"{'set' if draft.has_secret(name) else 'not set'}{typed}"
    return _words(key, draft.value(key))


def saved_value(draft: "Draft", key: str) -> str:
    """What the form started from, in the same words."""
    if key in SECRETS:
        return "set" if SECRETS[key] in draft.base.secrets_set else "not set"
    return _words(key, draft.saved_value(key))


def _words(key: str, value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    from tm_tui.settings.fields import spec_of

    try:
        choices = dict(spec_of(key).choices)
    except KeyError:
        choices = {}
    return choices.get(value, value) or "(empty)"


def became(draft: "Draft") -> str:
    """What a save made of these values, in a sentence's end: `3 settings: log server, user name, e-mail`."""
    keys = draft.changed()
    if draft.switches_off:
        return "sending is now OFF."
    if "tmsp.enabled" in keys and draft.value("tmsp.enabled") is True:
        return "sending is now ON."
    if not keys:
        return "this appliance registers again."
    return _counted(keys)


def _counted(keys: "Sequence[str]") -> str:
    if len(keys) == 1:
        return f"{field_name(keys[0])}."
    names = f": {', '.join(_inner(field_name(key)) for key in keys)}" if len(keys) <= _FEW else ""
    return f"{len(keys)} settings{names}."


def _inner(label: str) -> str:
    """A label within a sentence; what is written in capitals stays so."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]
