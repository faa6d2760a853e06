"""From settings to the two links of the registration form."""

from dataclasses import dataclass

from pydantic import SecretStr

from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.types import Credentials, Endpoint, Link, Proxy
from tm_tui.settings.model import Secrets, Settings
from tm_tui.settings.revision import Revision

__all__ = ["Links", "build_links", "log_server_way", "status_server_way"]


@dataclass(frozen=True, slots=True)
class Links:
    """The ways to both TMSP hosts."""

    log_server: Link
    status_server: Link


def build_links(revision: Revision, host_keys: HostKeys) -> Links:
    """Describe the ways that a revision asks for; nothing is opened.

    Both servers take the account's "registering products" credentials. Without a password there are none.
    """
    settings, secrets = revision.settings, revision.secrets
    tmsp, trust = settings.tmsp, Trust(revision.ca_pem, host_keys)
    credentials = Credentials(tmsp.username, secrets.tmsp) if tmsp.username and secrets.tmsp else None
    proxy = _proxy(settings, secrets)
    return Links(
        Link(Endpoint(tmsp.log_server.host, tmsp.log_server.port), credentials, proxy, trust),
        Link(Endpoint(tmsp.status_server.host, tmsp.status_server.port), credentials, proxy, trust),
    )


def log_server_way(revision: Revision) -> object:
    """All of the settings that the log server's link is made of, as a value: equal, the link is the same."""
    return (revision.settings.tmsp.log_server, *_both_ways(revision))


def status_server_way(revision: Revision) -> object:
    """The same for the status server's link; its limits are followed without beginning anew."""
    server = revision.settings.tmsp.status_server
    return (server.host, server.port, *_both_ways(revision))


def _both_ways(revision: Revision) -> tuple[object, ...]:
    settings = revision.settings
    proxy = settings.proxy.model_dump() if settings.proxy.enabled else None
    return (settings.tmsp.enabled, settings.tmsp.username, proxy, revision.secrets, revision.ca_pem)


def _proxy(settings: Settings, secrets: Secrets) -> Proxy | None:
    chosen = settings.proxy
    if not chosen.enabled:
        return None
    credentials = None
    if chosen.username and chosen.type != "socks4":
        credentials = Credentials(chosen.username, secrets.proxy or SecretStr(""))
    return Proxy(chosen.type, Endpoint(chosen.host, chosen.port), credentials)
