"""What commands read: a settings file, and passwords, which never come from the command line."""

import codecs
import os
import sys
import tomllib
from typing import IO

import click
from pydantic import SecretStr

from tm_tui.cli.streams import reading_input
from tm_tui.errors import Problem, SettingsRefused, TmError
from tm_tui.settings.fields import FIELDS, FieldSpec
from tm_tui.settings.model import Settings
from tm_tui.settings.plain import flat
from tm_tui.text import safe_text

__all__ = ["field_of", "read_password", "read_settings"]

_MOST_BYTES = 1 << 20
_LONGEST_LINE = 1 << 16
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_NULS: dict[tuple[int, ...], str] = {
    (1, 0, 0, 0): "UTF-32LE",
    (0, 0, 0, 1): "UTF-32BE",
    (1, 0, 1, 0): "UTF-16LE",
    (0, 1, 0, 1): "UTF-16BE",
}
"""Which of the first four bytes of an ASCII text are not 0, by encoding."""
_SECRETS = tuple(spec.key for spec in FIELDS if spec.kind == "secret")


def read_settings(file: IO[bytes]) -> Settings:
    """Read a whole settings.toml. Raises TmError, SettingsRefused with every problem found."""
    path = str(getattr(file, "name", "-"))
    name = "Standard input" if path in {"-", "<stdin>"} else safe_text(path)
    with reading_input():
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise TmError(f"{name} has more than {_MOST_BYTES} bytes.", "Give a settings.toml file.")
    text = _text(data, f"{name} is not TOML: it").removeprefix("\ufeff")
    try:
        raw = tomllib.loads(text)
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


def _text(data: bytes, name: str) -> str:
    """Decode UTF-8. Raises TmError that names another encoding, and how to get out of it."""
    marked = (encoding for mark, encoding in _MARKS.items() if data.startswith(mark))
    letters = tuple(int(byte > 0) for byte in data[:4])
    if encoding := next(marked, None) or _NULS.get(letters):
        cause = f"{name} is in {encoding}, not in UTF-8."
        raise TmError(cause, f"Save it as UTF-8, or convert it: iconv -f {encoding} -t UTF-8.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        cause = f"{name} is not in UTF-8: byte {error.start + 1} is none."
        remedy = "Save it as UTF-8, or convert it, from Latin-1 by: iconv -f ISO-8859-1 -t UTF-8."
        raise TmError(cause, remedy) from None


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
    """Ask for a password on the terminal, else read a line of standard input. Raises TmError, click.Abort.

    Its rules are the agent's: here it is only read, to the letter up to the end of the line.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        from tm_tui.cli.hidden import ask_hidden

        text = ask_hidden(prompt)
    else:
        with reading_input():
            line = _line()
        text = _text(line.removesuffix(b"\n").removesuffix(b"\r"), "The password")
    if not text:
        raise TmError(
            "The password is empty.",
            "Type it. To remove one from the settings: tm-tui config secret NAME --remove.",
        )
    return SecretStr(text)


def _line() -> bytes:
    """One line of standard input, and no byte more: the next one may be for the next command."""
    if sys.stdin is None:
        return b""
    try:
        descriptor = sys.stdin.fileno()
    except OSError:  # no file of the system's
        return sys.stdin.buffer.readline(_LONGEST_LINE)
    line = bytearray()
    while len(line) < _LONGEST_LINE and not line.endswith(b"\n"):
        if not (read := os.read(descriptor, 1)):
            break
        line += read
    return bytes(line)
