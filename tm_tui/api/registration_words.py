"""How an appliance stands with the portal: one wording for the Status page, plain lines and commands."""

from tm_tui.api.agent import ServerState, StatusServerStatus
from tm_tui.spoken import local_time

__all__ = ["FITTING", "comes_back", "off", "portal", "registration"]

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
