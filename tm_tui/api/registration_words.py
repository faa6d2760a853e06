"""How an appliance stands with the portal, and what one needs that was never registered, in words.

One wording for the Status page, plain lines and commands.
"""

from collections.abc import Iterator

from tm_tui.api.agent import AgentStatus, ServerState, StatusServerStatus
from tm_tui.spoken import local_time

__all__ = [
    "FITTING",
    "NEVER_REGISTERED",
    "checklist",
    "comes_back",
    "is_fresh",
    "off",
    "portal",
    "registration",
    "short_checklist",
]

FITTING = "a TMSP of link protocol version 1 (reference portal 0.1 and newer)"
"""Which versions of TMSP this version fits."""


def comes_back(server: StatusServerStatus) -> bool:
    """Whether a save, with nothing changed too, registers it again: it was removed, and sending is on."""
    return server.removed_at is not None and server.state is not ServerState.DISABLED


def off(server: StatusServerStatus) -> str:
    """Why nothing is sent or fetched, as a sentence's begin."""
    if comes_back(server):
        return "This appliance was removed at the portal (saving the settings registers it again)"
    return "Sending to TMSP is switched off"


def registration(server: StatusServerStatus) -> str:
    """Since when it is registered, or since when it is not and how it comes back."""
    if server.removed_at is not None:
        off = server.state is ServerState.DISABLED
        back = "switching on" if off else "saving the settings"
        return f"removed at the portal {local_time(server.removed_at)}; {back} registers it again"
    since = local_time(server.registered_at) if server.registered_at is not None else "never"
    if server.switched_off_at is None:
        return since
    return f"{since}; switched off {local_time(server.switched_off_at)} by {server.switched_off_by}"


def portal(server: StatusServerStatus) -> str:
    """What the portal says of its version, and whether it fits."""
    told = server.portal
    if told is None:
        return "its version is not known"
    name = " ".join(word for word in (told.product or "TMSP", told.version) if word)
    fits = "fits" if told.fits else "DOES NOT FIT this appliance"
    return f"{name}, link protocol {told.protocol}: {fits}"


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
