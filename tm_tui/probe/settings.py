"""The first step: is all there that a connection needs? It also runs while TMSP is switched off."""

from tm_tui.errors import TmError
from tm_tui.link.types import Endpoint
from tm_tui.probe.events import ServerName, Steps
from tm_tui.settings.model import Settings
from tm_tui.settings.revision import Revision

__all__ = ["INCOMPLETE", "check_settings", "whereto"]

INCOMPLETE = "settings-incomplete"
_TITLES: dict[ServerName, str] = {"log_server": "log server", "status_server": "status server"}
_CONNECT_PORTS = {443, 563}  # squid's default, and that of many others


def whereto(settings: Settings) -> str:
    """Both servers and the proxy that a test of these settings talks to, as the journal names them."""
    tmsp, proxy = settings.tmsp, settings.proxy
    logs, status = tmsp.log_server, tmsp.status_server
    found = [
        f"log server {_named(logs.host, logs.port)} by {logs.protocol.upper()}",
        f"status server {_named(status.host, status.port)}",
    ]
    if proxy.enabled:
        found.append(f"{proxy.type.upper()} proxy {_named(proxy.host, proxy.port)}")
    return ", ".join(found)


def _named(host: str, port: int) -> str:
    return Endpoint(host, port).authority if host else "without address"


def check_settings(revision: Revision, server: ServerName, steps: Steps) -> bool:
    """Run the step; True if the others can follow."""
    steps.start("settings")
    problem = _incomplete(revision, server)
    if problem:
        steps.fail("settings", INCOMPLETE, problem)
    else:
        steps.passed(_way(revision.settings, server))
    return not problem


def _incomplete(revision: Revision, server: ServerName) -> TmError | None:
    """What `server` needs and `revision` lacks; None when all is there."""
    tmsp = revision.settings.tmsp
    host = tmsp.log_server.host if server == "log_server" else tmsp.status_server.host
    password = revision.secrets.tmsp
    needed = (
        (host, f"the address of the {_TITLES[server]}"),
        (tmsp.username, "the user name"),
        (password and password.get_secret_value(), "the password"),
    )
    missing = [name for value, name in needed if not value]
    if not missing:
        return None
    named = " and ".join(part for part in (", ".join(missing[:-1]), missing[-1]) if part)
    remedy = "Enter what is missing on the TMSP form, as your support provider gave it."
    return TmError(f"The settings lack {named}.", remedy)


def _way(settings: Settings, server: ServerName) -> str:
    """The way that will be tried, in a few words, with a warning where it often ends."""
    tmsp, proxy = settings.tmsp, settings.proxy
    target = tmsp.log_server if server == "log_server" else tmsp.status_server
    protocol = tmsp.log_server.protocol.upper() if server == "log_server" else "SSL"
    way = f"{protocol} to {target.host} port {target.port}"
    if not proxy.enabled:
        return way
    way = f"{way} through the {proxy.type.upper()} proxy {proxy.host}"
    if protocol == "SSH" and proxy.type in {"http", "https"} and target.port not in _CONNECT_PORTS:
        way += f"; many such proxies allow ports 443 and 563 only, not {target.port}"
    return way
