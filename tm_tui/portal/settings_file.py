"""HOME/portal.toml: read whole and checked; what is wrong with it is said by its key, with a remedy."""

import os
import stat
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tm_tui.atomic import opened, read_all, storage_failure
from tm_tui.errors import Problem, SettingsRefused, StorageFailed, TmError
from tm_tui.portal.settings import PortalSettings, keys
from tm_tui.text import safe_text

__all__ = ["NAME", "read_settings"]

NAME = "portal.toml"
_MOST_BYTES = 64 << 10
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_SEE = "See docs/portal-settings.md."
_WRONG = {
    "string_type": ("This is no text.", "Put the value in quotes."),
    "string_too_long": ("The text is too long.", "Enter at most {max_length} characters."),
    "int_type": ("This is no whole number.", "Enter digits only, without quotes."),
    "greater_than_equal": ("The number is too small.", "Enter at least {ge}."),
    "less_than_equal": ("The number is too large.", "Enter at most {le}."),
    "bool_type": ("This is neither true nor false.", "Enter true or false, without quotes."),
    "tuple_type": ("This is no list.", 'Write it as ["one", "two"].'),
    "too_long": ("The list is too long.", "Leave some of it out."),
    "literal_error": ("This is none of the possible values.", "Choose {expected}."),
    "model_type": ("This is no table.", f"Write it as [table], with its keys below. {_SEE}"),
}


def read_settings(home: Path, given: Mapping[str, Any]) -> PortalSettings:
    """The settings of a home; what is `given` as an option and is not None stands above the file.

    Raises SettingsRefused with every problem found, StorageFailed when the file cannot be read.
    """
    found = {**_tables(home / NAME), **{key: value for key, value in given.items() if value is not None}}
    try:
        return PortalSettings.model_validate(found)
    except ValidationError as error:
        items = error.errors(include_input=False, include_url=False)
        raise SettingsRefused(tuple(_problem(item) for item in items)) from None


def _tables(path: Path) -> dict[str, Any]:
    try:
        with opened(path, _FLAGS) as descriptor:
            _check(path, os.fstat(descriptor))
            data = read_all(descriptor, _MOST_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise storage_failure(path, error) from None
    shown = safe_text(str(path))
    if len(data) > _MOST_BYTES:
        raise StorageFailed(f"{shown} has more than {_MOST_BYTES} bytes.", "Put settings only into it.")
    try:
        return tomllib.loads(data.removeprefix(b"\xef\xbb\xbf").decode())
    except UnicodeDecodeError:
        raise TmError(f"{shown} is no text in UTF-8.", "Save it as UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        cause = f"{shown} is no TOML: {safe_text(str(error), 200)}."
        raise TmError(cause, "Correct that line; texts stand in quotes.") from None


def _check(path: Path, found: os.stat_result) -> None:
    """A file of ours or of root, that nobody else may change. Raises StorageFailed."""
    shown = safe_text(str(path))
    if not stat.S_ISREG(found.st_mode):
        raise StorageFailed(f"{shown} is no regular file.", "Put the real file there.")
    if found.st_uid not in {os.geteuid(), 0} or found.st_mode & 0o022:
        cause = f"Others than the portal's user and root may change {shown}."
        raise StorageFailed(cause, "Correct its owner and mode, if you trust what is in it.")


def _problem(item: Any) -> Problem:
    place, kind, context = item["loc"], item["type"], item.get("ctx") or {}
    key = safe_text(".".join(str(part) for part in place), 100)
    field = f"{NAME}: {key}" if key else NAME
    if "cause" in context:
        return Problem(field, context["cause"], context["remedy"])
    if kind == "extra_forbidden":
        return Problem(field, "There is no such setting.", _suggestion(place))
    cause, remedy = _WRONG.get(kind, ("The value has the wrong form.", _SEE))
    return Problem(field, cause, remedy.format_map({"expected": "", **context}))


def _suggestion(place: tuple[int | str, ...]) -> str:
    """The key that was most likely meant: of the same table, else of any."""
    *table, name = (str(part) for part in place)
    known = [key for key, _, _ in keys()]
    elsewhere = [key for key in known if key.rpartition(".")[2] == name]
    near = get_close_matches(".".join((*table, name)), known, 1) or elsewhere
    return f"Did you mean {near[0]}?" if near else _SEE
