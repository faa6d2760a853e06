"""What the settings model says of typed values. Imported when one is first judged: it brings pydantic."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from tm_tui.errors import Problem, SettingsRefused
from tm_tui.settings.model import Secrets, Settings, missing_secrets

__all__ = ["normal", "refusals"]


def normal(candidate: dict[str, Any]) -> dict[str, Any]:
    """The settings in their normal form if the model takes them, else as typed."""
    try:
        return Settings.parse(candidate).plain()
    except SettingsRefused:
        return candidate


def refusals(
    candidate: Mapping[str, Any], names: frozenset[str], typed: Mapping[str, SecretStr]
) -> Iterator[Problem]:
    """What is refused of these settings, with these passwords set (`names`) and those of them typed here."""
    try:
        settings = Settings.parse(candidate)
    except SettingsRefused as refused:
        yield from refused.problems
    else:
        yield from missing_secrets(settings, names, typed.get("proxy"))
    try:
        Secrets().changed(dict(typed))
    except SettingsRefused as refused:
        yield from refused.problems
