"""Which field of a form is to blame: for a failed step of the test, or for what the agent refuses."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tm_tui.errors import Problem

if TYPE_CHECKING:
    from screens.desk.draft import Draft
    from tm_tui.api.failures import ControlRefused

__all__ = ["field_of", "refused_fields"]

_HOST, _PORT = "tmsp.{server}.host", "tmsp.{server}.port"
_KEYS: dict[str, tuple[str, ...]] = {
    "": ("local-resources",),
    "trust.ca_file": ("tls-unknown-issuer", "tls-self-signed"),
    _HOST: (
        *("proxy-name-unknown", "proxy-target-unreachable", "proxy-target-timeout"),
        *("proxy-target-failed", "http-foreign-address"),
    ),
    _PORT: (
        *("tcp-refused", "tls-client-certificate", "ssh-not-spoken", "ssh-closed", "ssh-timeout"),
        *("proxy-target-refused", "proxy-forbidden", "http-not-found", "captive-portal"),
    ),
    "proxy.password": ("proxy-auth", "http-proxy-auth", "proxy-credentials-length"),
    "proxy.port": ("proxy-refused",),
    "proxy.type": (
        *("proxy-not-spoken", "proxy-no-connect", "proxy-tls-not-spoken", "proxy-auth-method"),
        *("proxy-socks4-rejected", "proxy-socks4-no-resolver", "proxy-socks4-ipv6"),
    ),
}
_BY_CODE = {code: key for key, codes in _KEYS.items() for code in codes}
_TLS_ON_PORT = frozenset({"tls-not-spoken", "tls-closed", "tls-timeout", "tls-failed"})
_BY_STAGE = {"proxy": "proxy.host", "authentication": "tmsp.password", "clock": ""}


def field_of(step: str, code: str, draft: "Draft") -> str | None:
    """The key of the field that made `step` (SERVER.STAGE) fail with this code; None: no field did."""
    server, _, stage = step.partition(".")
    if stage == "settings":
        return next(_missing(server, draft), None)
    if code in _TLS_ON_PORT and stage == "tls":
        key = _PORT
    else:
        key = _BY_CODE.get(code, _BY_STAGE.get(stage, _HOST))
    return key.format(server=server) or None


def _missing(server: str, draft: "Draft") -> Iterator[str]:
    """What a test needs and the form does not have, in its order."""
    yield from (key for key in (_HOST.format(server=server), "tmsp.username") if not draft.value(key))
    if not draft.has_secret("tmsp"):
        yield "tmsp.password"


def refused_fields(refused: "ControlRefused") -> dict[str, Problem]:
    """What the agent found wrong, by field."""
    found = (Problem(item.field, item.cause, item.remedy) for item in refused.refusal.problems)
    return {problem.field: problem for problem in found}
