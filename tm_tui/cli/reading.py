"""What commands read: a settings file, and passwords, which never come from the command line."""

import sys
import tomllib
from typing import IO

import click
from pydantic import SecretStr

from tm_tui.cli.streams import reading_input
from tm_tui.errors import Problem, SettingsRefused, TmError
from tm_tui.settings.fields import FIELDS, FieldSpec, flat
from tm_tui.settings.model import Settings
from tm_tui.text import safe_text

__all__ = ["field_of", "read_password", "read_settings"]

_MOST_BYTES = 1 << 20
_SECRETS = tuple(spec.key for spec in FIELDS if spec.kind == "secret")


def read_settings(file: IO[bytes]) -> Settings:
    """Read a whole settings.toml. Raises TmError, SettingsRefused with every problem found."""
    path = str(getattr(file, "name", "-"))
    name = "Standard input" if path in {"-", "<stdin>"} else safe_text(path)
    with reading_input():
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise TmError(f"{name} has more than {_MOST_BYTES} bytes.", "Give a settings.toml file.")
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise TmError(
            f"{name} is not TOML: {safe_text(_reason(error), 100)}.", "Correct it and try again."
        ) from None
    secrets = [key for key in flat(raw) if key in _SECRETS]
    if secrets:
        cause = "Passwords do not stand in a settings file."
        remedies = (
            (key, f"Remove it, and use `tm-tui config secret {key.split('.')[0]}`.") for key in secrets
        )
        raise SettingsRefused(tuple(Problem(key, cause, remedy) for key, remedy in remedies))
    return Settings.parse(raw)


def _reason(error: Exception) -> str:
    """Where it stops being TOML. What stands there is not repeated: it may be a password."""
    text = str(error)
    if isinstance(error, tomllib.TOMLDecodeError) and "(at " in text:
        return text[text.rindex("(at ") :].strip("()")
    return type(error).__name__


def field_of(key: str) -> FieldSpec:
    """The field of this key. Raises click.UsageError when there is none."""
    for spec in FIELDS:
        if spec.key == key:
            return spec
    raise click.UsageError(
        f"There is no setting {safe_text(key)!r}. See `tm-tui config schema` for the keys."
    )


def read_password(prompt: str) -> SecretStr:
    """Ask for a password on the terminal, else read standard input up to a newline. Raises TmError."""
    if sys.stdin.isatty():
        import getpass

        text = getpass.getpass(prompt)
    else:
        with reading_input():
            line = sys.stdin.buffer.readline(_MOST_BYTES)
        try:
            text = line.removesuffix(b"\n").decode("utf-8")
        except UnicodeDecodeError:
            raise TmError("The password is not valid UTF-8.", "Give it as UTF-8 text.") from None
    if not text:
        raise TmError("The password is empty.", "Type it, or use --remove to remove the one that is set.")
    return SecretStr(text)
