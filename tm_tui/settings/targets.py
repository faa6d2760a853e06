"""Whom a password was typed for. It goes there and nowhere else: to another target it is typed again."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tm_tui.errors import Problem
from tm_tui.settings.plain import value_of

__all__ = ["Targets", "asked_again", "others", "targets_of"]

Targets = Mapping[str, Mapping[str, tuple[str | None, ...]]]
"""Who gets a password: each server or proxy by name, with what it is known by (itself, CA file, proxy)."""

_CA, _PROXY = "CA file", "proxy"
_LOG_SERVER = ("tmsp.log_server.host", "tmsp.log_server.port", "tmsp.log_server.protocol")
_STATUS_SERVER = ("tmsp.status_server.host", "tmsp.status_server.port")
_PROXY_KEYS = ("proxy.host", "proxy.port", "proxy.type")


def targets_of(name: str, settings: Mapping[str, Any], authorities: str | None = None) -> Targets:
    """Who gets the password `name` (tmsp, proxy) under these settings (as of `Settings.plain`).

    `authorities` is what the CA file holds. A server or proxy without an address gets none.
    """
    trust = (*_values(settings, ("trust.ca_file",)), authorities)
    proxy = _values(settings, _PROXY_KEYS)
    if name == "proxy":
        known = {_PROXY: proxy, _CA: trust} if proxy[2] == "https" else {_PROXY: proxy}
        return {_PROXY: known} if proxy[0] else {}
    way = proxy if proxy[0] and value_of(settings, "proxy.enabled") is True else ()
    found: dict[str, Mapping[str, tuple[str | None, ...]]] = {}
    for server, keys in (("log server", _LOG_SERVER), ("status server", _STATUS_SERVER)):
        itself = _values(settings, keys)
        if itself[0]:
            by_host_key = itself[-1] == "ssh"
            found[server] = {server: itself, **({} if by_host_key else {_CA: trust}), _PROXY: way}
    return found


def _values(settings: Mapping[str, Any], keys: Collection[str]) -> tuple[str, ...]:
    return tuple(str(value_of(settings, key)) for key in keys)


def others(meant: Targets, wanted: Targets) -> tuple[str, ...]:
    """What is another one than was meant, in words such as "log server"; empty when the password may go."""
    return tuple(dict.fromkeys(_differing(meant, wanted)))


def _differing(meant: Targets, wanted: Targets) -> Iterator[str]:
    for who, parts in wanted.items():
        if who not in meant:
            yield who
            continue
        known = meant[who]  # with or without a CA file as of its protocol: that differs then
        yield from (part for part, value in parts.items() if part in known and known[part] != value)


def asked_again(name: str, meant: Targets, wanted: Targets) -> tuple[Problem, ...]:
    """The problem of the password `name` when it would go to somebody else; else empty."""
    found = others(meant, wanted)
    if not found:
        return ()
    words = " and ".join(part for part in (", ".join(found[:-1]), found[-1]) if part)
    return (Problem(f"{name}.password", f"It was typed for another {words}.", "Type the password again."),)
