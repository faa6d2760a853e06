"""What an appliance needs that was never registered, as a checklist for its admin."""

from collections.abc import Iterator

from tm_tui.api.agent import AgentStatus
from tm_tui.api.servers import ServerState

__all__ = ["NEVER_REGISTERED", "checklist", "is_fresh", "short_checklist"]

NEVER_REGISTERED = "This appliance is not registered with the Threat Management Services Portal (TMSP) yet."


def is_fresh(status: AgentStatus) -> bool:
    """Whether it was never registered, and nobody has switched sending on."""
    server = status.status_server
    return server.state is ServerState.DISABLED and not (server.registered_at or server.switched_off_at)


def checklist() -> Iterator[str]:
    """What to have at hand, one line for each thing; lines that belong to a heading begin with a dash."""
    yield "Have at hand, from your vendor (hosted edition) or the portal's administrator (on-premise one):"
    yield "- log server and status server: name or IP address (on-premise: IP address)"
    yield "- user name and password of the account for registering products"
    yield "- the log server's SSH fingerprint, or the portal's CA file"
    yield "- your e-mail address; the proxy, if one stands between"
    yield "From here must be open: log server port 22 (SSH) or 443 (SSL), status server port 443."


def short_checklist() -> Iterator[str]:
    """The same for a small terminal: lines of at most 38 characters, its heading with them."""
    yield "Not registered with TMSP yet. Have:"
    yield "- log server and status server address"
    yield "- registering products user, password"
    yield "- SSH fingerprint, or the CA file"
    yield "- your e-mail address; the proxy"
    yield "From here open: port 22 (SSH), or 443."
