"""What settings and passwords would become if they were saved now: every check of a save, nothing written."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import SecretStr

from tm_tui.errors import PasswordAgain, Problem, SettingsRefused, StorageFailed
from tm_tui.settings.authorities import read_authorities
from tm_tui.settings.model import Settings, missing_secrets
from tm_tui.settings.plain import SECRET_NAMES
from tm_tui.settings.revision import Revision
from tm_tui.settings.targets import asked_again, targets_of

__all__ = ["checked"]


def checked(current: Revision, settings: Settings, changes: Mapping[str, SecretStr | None]) -> Revision:
    """The revision that these values would become, on top of `current`.

    Raises SettingsRefused with every problem found; PasswordAgain where nothing else is wrong but a password
    that is kept, and was typed for somebody else than it would go to now.
    """
    secrets = current.secrets.changed(changes)
    problems = list(missing_secrets(settings, secrets.names(), secrets.proxy))
    ca_pem = None
    try:
        ca_pem = _authorities(current, settings.trust.ca_file)
    except SettingsRefused as refused:
        problems += refused.problems
    except StorageFailed as failure:
        problems.append(Problem("trust.ca_file", failure.cause, failure.remedy))
    if problems:
        raise SettingsRefused(tuple(problems))
    made = replace(current, settings=settings, secrets=secrets, ca_pem=ca_pem)
    kept = [name for name in SECRET_NAMES if name in current.secrets.names() and changes.get(name) is None]
    again = [problem for name in kept for problem in _asked_again(name, current, made)]
    if again:
        raise PasswordAgain(tuple(again))
    return made


def _asked_again(name: str, current: Revision, made: Revision) -> tuple[Problem, ...]:
    """The problem when a password of `current` would go to somebody else under `made`."""
    meant, wanted = (
        targets_of(name, revision.settings.plain(), revision.ca_pem) for revision in (current, made)
    )
    return asked_again(name, meant, wanted)


def _authorities(current: Revision, ca_file: str) -> str | None:
    """Read the CA file; one that was read before and is out of reach now stays as it was."""
    if not ca_file:
        return None
    try:
        return read_authorities(ca_file)
    except StorageFailed:
        if current.ca_pem is None or current.settings.trust.ca_file != ca_file:
            raise
        return current.ca_pem
