"""The settings as plain values by their dotted keys. Light to import: no rule of a field is here."""

from collections.abc import Mapping
from typing import Any

__all__ = ["DEFAULT_PORTS", "SECRET_NAMES", "default_port", "flat", "value_of", "with_value"]

DEFAULT_PORTS = {"ssh": 22, "ssl": 443, "http": 8080, "https": 8080, "socks4": 1080, "socks5": 1080}
SECRET_NAMES = ("tmsp", "proxy")
"""The passwords, in the order of their fields."""


def default_port(protocol: str) -> int:
    """The port that goes with a protocol of the log server or a type of proxy."""
    return DEFAULT_PORTS[protocol]


def value_of(settings: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key in the nested mapping of `Settings.plain`. Raises KeyError."""
    found: Any = settings
    for part in key.split("."):
        if not isinstance(found, Mapping):
            raise KeyError(key)
        found = found[part]
    return found


def with_value(settings: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A copy of the nested mapping with one dotted key changed; groups that are not there are made."""
    head, _, rest = key.partition(".")
    if not rest:
        return {**settings, head: value}
    inner = settings.get(head)
    return {**settings, head: with_value(inner if isinstance(inner, Mapping) else {}, rest, value)}


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The nested mapping as dotted keys, in its order."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found
