"""What can go wrong, as data: every refusal names a field or a stage, the cause, and the remedy."""

from dataclasses import dataclass

__all__ = ["PasswordAgain", "Problem", "SettingsRefused", "StorageFailed", "TmError"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one field. `field` is a key of settings.toml, such as `proxy.port`."""

    field: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        """Read as one line: field, cause, remedy."""
        return f"{self.field}: {self.cause} {self.remedy}"


class TmError(Exception):
    """An expected failure. `cause` and `remedy` are whole sentences without secrets or control characters."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause} {remedy}")
        self.cause = cause
        self.remedy = remedy


class SettingsRefused(TmError):
    """Settings that break a rule. `problems` has one entry for each field, in the order of settings.toml."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        super().__init__(f"{first.field}: {first.cause}", first.remedy)
        self.problems = problems


class PasswordAgain(SettingsRefused):
    """Settings that only lack a password: the one that is there was typed for another server or proxy."""


class StorageFailed(TmError):
    """The disk, or a file's owner or mode, stands in the way."""
