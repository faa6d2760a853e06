"""How long tests wait for peers: long, but for the stage whose limit is to be reached."""

from dataclasses import replace

from tm_tui.link.types import Limits

__all__ = ["PATIENT", "hasty"]

PATIENT = Limits(connect=60.0, handshake=60.0, login=60.0, reply=60.0, transfer=60.0)
"""Whatever else the machine has to do, it is the peer that decides how a stage ends."""


def hasty(*stages: str, seconds: float = 1.0) -> Limits:
    """Give these stages up after so many seconds, and no other: which one is late is no chance."""
    return replace(PATIENT, **dict.fromkeys(stages, seconds))
