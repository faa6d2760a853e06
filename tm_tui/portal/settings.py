"""The portal's settings (portal.toml in its home) as one frozen model. Its docstrings document each."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, Field, model_validator

from tm_tui.portal.alerts.settings import AlertSettings
from tm_tui.portal.blobs.address import checked_address
from tm_tui.portal.retention.settings import Retention
from tm_tui.settings.model import Part
from tm_tui.settings.types import refusal

__all__ = ["Limits", "PortalSettings", "Role", "Tls", "database_at", "keys"]


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


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        cause = "This is neither an IP address nor a network."
        raise refusal("network", cause, "Enter an address, or a network such as 192.0.2.0/24.") from None


Role = Literal["web", "ssh", "worker"]
_Port = Annotated[int, Field(strict=True, ge=0, le=65535)]
_Host = Annotated[str, AfterValidator(_listened)]
_Name = Annotated[str, AfterValidator(_certified)]


def _address(text: str) -> str:
    try:
        return checked_address(text)
    except ValueError as error:
        remedy = "Write file:FOLDER, or s3://BUCKET/PREFIX?endpoint=https://HOST."
        raise refusal("blobs", str(error), remedy) from None


def _database(url: str) -> str:
    remedy = "Write sqlite:///FILE, or postgresql+psycopg://USER@HOST/NAME."
    try:
        found = urlsplit(url)
        if found.scheme == "sqlite" and not found.netloc and len(found.path) > 1:
            return url
        if found.scheme != "postgresql+psycopg" or len(found.path) < 2:
            raise refusal("database", "This is no address of a database.", remedy)
        if found.password is not None or "password" in dict(parse_qsl(found.query)):
            remedy = "Put it into a file (~/.pgpass, or ?passfile=FILE), and leave it out here."
            raise refusal("database", "A password does not belong into an address.", remedy)
    except ValueError:
        raise refusal("database", "This is no address of a database.", remedy) from None
    return url


_Database = Annotated[str, AfterValidator(_database)]
_Blobs = Annotated[str, AfterValidator(_address)]
_Network = Annotated[str, AfterValidator(_network)]
_Switch = Annotated[bool, Field(strict=True)]
_Count = Annotated[int, Field(strict=True, ge=2, le=1_000_000)]


class Tls(Part):
    """The certificate of both HTTPS servers."""

    certificate: Annotated[str, Field(max_length=4096)] = ""
    """File (PEM) with a certificate of your own and its intermediates, the server's first. Empty: the portal
    makes one, signed by its own authority. A relative path begins in the home. A renewed file is loaded
    within ten minutes."""
    key: Annotated[str, Field(max_length=4096)] = ""
    """File (PEM) with the private key of `tls.certificate`, without a passphrase."""
    at_proxy: _Switch = False
    """The proxy before the portal ends TLS: both HTTPS servers speak HTTP in the clear, to `trusted_proxies`
    alone."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.certificate) != bool(self.key):
            missing = "key" if self.certificate else "certificate"
            cause = f"Certificate and key belong together, and {missing} is missing."
            raise refusal("tls", cause, f"Set tls.{missing} too, or leave out both.")
        if self.certificate and self.at_proxy:
            cause = "Either the portal shows a certificate, or the proxy before it does."
            raise refusal("tls", cause, "Leave out tls.certificate and tls.key, or tls.at_proxy.")
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

    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=3)] = ("web", "ssh", "worker")
    """What this process does: `web` (log server over SSL, status server, pages), `ssh` (log server over SSH),
    `worker` (reads batches, makes reports, signs patterns, sends alerts). Several processes on one home need
    a `database` on a server."""
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
    database: _Database = "sqlite:///portal.sqlite3"
    """Where accounts, products, beats and all that is asked for lie: `sqlite:///FILE` (a relative one begins
    in the home), or `postgresql+psycopg://USER@HOST/NAME`, whose password stands in a file of libpq's."""
    blobs: _Blobs = "file:."
    """Where batches and cases lie: `file:FOLDER` (a relative one begins in the home), or a bucket as
    `s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME`."""
    blobs_credentials: Annotated[str, Field(max_length=4096)] = ""
    """File (0600) with the keys of the bucket as `access_key_id = "..."` and `secret_access_key = "..."`.
    Empty: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment. A relative path begins in the
    home."""
    ssh_host_key: Annotated[str, Field(max_length=4096)] = ""
    """File with the private key that the log server over SSH shows, the same for all processes. Empty: the
    portal makes one in its home. A relative path begins in the home."""
    trusted_proxies: Annotated[tuple[_Network, ...], Field(max_length=100)] = ()
    """Addresses and networks of proxies before the portal. Of them alone X-Forwarded-For, X-Forwarded-Proto
    and PROXY headers count. A proxy that speaks HTTP has to bound its clients' connections itself."""
    proxy_protocol: Annotated[tuple[Literal["https", "ssh", "status"], ...], Field(max_length=3)] = ()
    """Listeners to which trusted proxies begin each connection with a PROXY header, version 1 or 2: `https`,
    `ssh`, `status`."""
    tls: Tls = Tls()
    limits: Limits = Limits()
    alerts: AlertSettings = AlertSettings()
    retention: Retention = Retention()

    @model_validator(mode="after")
    def _roles_apart(self) -> Self:
        if {*self.roles} != {"web", "ssh", "worker"} and self.database.startswith("sqlite:"):
            cause = "Roles in processes of their own need a database that all of them reach."
            raise refusal(
                "roles", cause, "Set database to postgresql+psycopg://USER@HOST/NAME, or leave out roles."
            )
        return self

    @model_validator(mode="after")
    def _proxies_named(self) -> Self:
        for key in ("tls.at_proxy",) * self.tls.at_proxy + ("proxy_protocol",) * bool(self.proxy_protocol):
            if not self.trusted_proxies:
                cause = f"{key} needs to know the proxies that are trusted."
                raise refusal("proxies", cause, "Name them in trusted_proxies.")
        return self


def database_at(url: str, home: Path) -> Path | str:
    """A file of SQLite's, or the URL of a server's database."""
    return home / url.removeprefix("sqlite:///") if url.startswith("sqlite:") else url


def keys(model: type[BaseModel] = PortalSettings, above: str = "") -> Iterator[tuple[str, Any, str]]:
    """Each key with its default and what it means, in the order of the model: `tls.certificate` and so on."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{above}{name}.")
        else:
            yield f"{above}{name}", field.default, field.description or ""
