"""The portal's settings (portal.toml in its home) as one frozen model. Its docstrings document each."""

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from tm_tui.settings.model import Part
from tm_tui.settings.types import refusal

__all__ = ["Limits", "PortalSettings", "Tls", "keys"]


def _listened(host: str) -> str:
    if not host or len(host) > 253 or any(sign.isspace() or sign in "/[]" for sign in host):
        cause = "This is no address to listen on."
        raise refusal("host", cause, "Enter an IP address of this machine, or 0.0.0.0 or :: for all of them.")
    return host


def _certified(name: str) -> str:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not name or len(name) > 253 or any(sign.isspace() or sign in "/:[]" for sign in name):
            cause = "This is neither an IP address nor a host name."
            raise refusal("name", cause, "Enter it as appliances know the portal.") from None
    return name


_Port = Annotated[int, Field(strict=True, ge=0, le=65535)]
_Host = Annotated[str, AfterValidator(_listened)]
_Name = Annotated[str, AfterValidator(_certified)]
_Count = Annotated[int, Field(strict=True, ge=2, le=1_000_000)]


class Tls(Part):
    """The certificate of both HTTPS servers."""

    certificate: Annotated[str, Field(max_length=4096)] = ""
    """File (PEM) with a certificate of your own and its intermediates, the server's first. Empty: the portal
    makes one, signed by its own authority. A relative path begins in the home. A renewed file is loaded
    within ten minutes."""
    key: Annotated[str, Field(max_length=4096)] = ""
    """File (PEM) with the private key of `tls.certificate`, without a passphrase."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.certificate) != bool(self.key):
            missing = "key" if self.certificate else "certificate"
            cause = f"Certificate and key belong together, and {missing} is missing."
            raise refusal("tls", cause, f"Set tls.{missing} too, or leave out both.")
        return self


class Limits(Part):
    """Most connections at once, to each server; fewer where the process may not open so many files.

    One account has three quarters of its room, one operator half of it.
    """

    unknown: _Count = 256
    """Connections that have not shown a right password."""
    appliances: _Count = 1000
    """Connections of appliances' accounts. One that has waited longest after an answer makes room for a
    newcomer."""
    operators: _Count = 64
    """Connections of operators: their browsers and scripts."""
    ssh: _Count = 128
    """Connections of appliances' accounts to the log server over SSH."""


class PortalSettings(Part):
    """What a portal is told. Options of `tm-tui portal` stand above the file."""

    host: _Host = "127.0.0.1"
    """Address to listen on: an IP address of this machine, `0.0.0.0` or `::` for all of them."""
    https_port: _Port = 0
    """Port of the log server over SSL; 0 takes a free one at each start."""
    ssh_port: _Port = 0
    """Port of the log server over SSH; 0 takes a free one at each start."""
    status_port: _Port = 0
    """Port of the status server and the pages; 0 takes a free one at each start."""
    names: Annotated[tuple[_Name, ...], Field(max_length=100)] = ()
    """Further addresses and names for the certificate that the portal makes."""
    tls: Tls = Tls()
    limits: Limits = Limits()


def keys(model: type[BaseModel] = PortalSettings, above: str = "") -> Iterator[tuple[str, Any, str]]:
    """Each key with its default and what it means, in the order of the model: `tls.certificate` and so on."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{above}{name}.")
        else:
            yield f"{above}{name}", field.default, field.description or ""
