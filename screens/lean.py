"""What the console's libraries would load and this console never uses is not even imported.

It speaks HTTP with the agent over one Unix socket: no TLS. It has a palette and fields of its own. So some
imports fail (those libraries have a fallback), and some modules are only named.
"""

import os
import sys
from types import ModuleType
from typing import Any, cast

__all__ = ["LEFT_OUT", "lean"]

_FAILS = (
    "_hashlib",  # OpenSSL's digests; hashlib has its own
)
LEFT_OUT = (
    "decimal",  # this, zoneinfo and uuid: pydantic has types for them, which no shape of ours uses
    "difflib",  # Textual guesses what a wrong word in a stylesheet was meant to be
    "platformdirs",  # Textual's folder for downloads; it stays where Home.find() has asked it
    "pydantic.json_schema",  # the agent's commands write schemas, the console none
    "rich.table",  # this and the next: Textual draws itself for its developers
    "rich.tree",
    "ssl",  # asyncio names its errors
    "textual.command",  # Textual's palette, which is switched off
    "textual.widgets._directory_tree",  # this and the rest: textual.types names what they define
    "textual.widgets._input",
    "textual.widgets._option_list",
    "textual.widgets._placeholder",
    "textual.widgets._select",
    "uuid",  # Textual's own notices have one; ours are a line
    "zoneinfo",
)


class _Named(ModuleType):
    """Any name is a class, of which nothing can be made."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (Exception,), {"__init__": _refuse, "__module__": self.__name__})
        setattr(self, name, made)
        return made


def _refuse(self: object, *_: object, **__: object) -> None:
    what = f"{type(self).__module__}.{type(self).__name__}"
    raise RuntimeError(f"{what} is left out of the console (screens/lean.py)")


def lean() -> None:
    """Leave all of it out of this process; what is loaded already stays."""
    for name in _FAILS:
        sys.modules.setdefault(name, cast("ModuleType", None))
    for name in LEFT_OUT:
        sys.modules.setdefault(name, _Named(name))
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # no code of others looks into the settings
    plugins: Any = ModuleType("pydantic.plugin._loader")
    plugins.get_plugins = tuple
    sys.modules.setdefault(plugins.__name__, plugins)
