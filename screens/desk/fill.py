"""A settings.toml whose values stand on the form as if they had been typed: the demo uses it."""

import tomllib
from pathlib import Path

from screens.desk.draft import Value
from tm_tui.errors import TmError
from tm_tui.settings.model import Settings
from tm_tui.settings.plain import flat

__all__ = ["read_fill"]


def read_fill(path: Path) -> dict[str, Value]:
    """The values of the keys in the file. Raises TmError when it cannot be read or is wrong."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TmError(
            f"{path} cannot be read: {type(error).__name__}.", "Give a settings.toml file."
        ) from None
    settings = flat(Settings.parse(data).plain())
    return {
        key: settings[key] if isinstance(settings[key], bool) else str(settings[key])
        for key in flat(data)
        if key != "schema"
    }
