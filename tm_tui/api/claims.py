"""What a client tells of itself beside the kernel's word: its terminal, its SSH session's source."""

import os
import re
from collections.abc import Mapping

__all__ = ["SESSION_HEADER", "SSH_HEADER", "TTY_HEADER", "own_claims"]

TTY_HEADER, SSH_HEADER, SESSION_HEADER = "tm-tui-tty", "tm-tui-ssh-from", "tm-tui-session"

_PLAIN = re.compile(r"[A-Za-z0-9._:/%-]{1,64}")
"""Terminals and addresses need no more, and a header takes no less."""


def own_claims(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers of this process: its terminal's name, the address that sshd told (SSH_CONNECTION)."""
    environ = os.environ if environ is None else environ
    source = environ.get("SSH_CONNECTION", "").partition(" ")[0]
    found = {TTY_HEADER: _tty(), SSH_HEADER: source}
    return {name: value for name, value in found.items() if _PLAIN.fullmatch(value)}


def _tty() -> str:
    for descriptor in (0, 1, 2):
        try:
            return os.ttyname(descriptor).removeprefix("/dev/")
        except OSError:
            continue
    return ""
