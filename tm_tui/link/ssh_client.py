"""Our side of an SSH logon: which host key is believed, what is answered, and why the server said no."""

import asyncio
import base64
import re
from collections.abc import Sequence
from typing import Any, Literal

import asyncssh

from tm_tui.errors import StorageFailed
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.host_keys import HostKey
from tm_tui.link.types import Link

__all__ = ["Client", "speaks_of_expiry"]

_Way = Literal["password", "keyboard"]

_EXPIRY = re.compile(r"\bexpired\b|\bnew password\b|password change|change your password", re.IGNORECASE)


def speaks_of_expiry(text: str) -> bool:
    """Whether a server's words (OpenSSH's, PAM's) mean that the password must be changed first."""
    return _EXPIRY.search(text) is not None


class Client(asyncssh.SSHClient):
    """Compares the server's key with the approved ones, and answers for the password, each way once.

    asyncssh says "permission denied" of every logon that failed; which questions the server asked tells why.
    """

    def __init__(self, link: Link, *, look_only: bool) -> None:
        self._link = link
        self._look_only = look_only
        self._sent: list[str] = []
        self._refused = False
        self._more_wanted = False
        self._expired = False
        self.stage = "host_key"
        self.proved = asyncio.Event()
        """Set once the server has proved that it owns the key."""
        self.connection: asyncssh.SSHClientConnection | None = None
        self.shown: HostKey | None = None
        self.refusal: LinkFailure | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Keep it, so that it can be aborted."""
        self.connection = conn

    def validate_host_public_key(self, _host: str, _addr: str, _port: int, key: asyncssh.SSHKey) -> bool:
        """Believe the approved key only."""
        blob = base64.b64encode(key.public_data).decode("ascii")
        self.shown = HostKey.of(self._link.endpoint, key.get_algorithm(), blob)
        if self._look_only:
            return False
        try:
            state = self._link.trust.host_keys.state(self.shown)
        except StorageFailed:
            self.refusal = failure("host-keys-unreadable", "host_key", self._link.endpoint)
            return False
        if state != "approved":
            self.refusal = failure(
                f"host-key-{state}",
                "host_key",
                self._link.endpoint,
                detail=f"{self.shown.algorithm} {self.shown.fingerprint}",
                host_key=self.shown,
            )
        return state == "approved"

    def begin_auth(self, _username: str) -> None:
        """Called after the key exchange."""
        self.stage = "authentication"
        self.proved.set()

    def auth_completed(self) -> None:
        """The logon is through."""
        self.stage = "service"

    def password_auth_requested(self) -> str | None:
        """Once; asked again, it was refused: a password that was right is not asked for again."""
        self._refused = self._refused or bool(self._sent)
        return self._password("password")

    def password_change_requested(self, _prompt: str, _lang: str) -> Any:
        """Say that it cannot be changed from here (RFC 4252, 8)."""
        self._expired = True
        return NotImplemented

    def kbdint_auth_requested(self) -> str | None:
        """Once; not after a password that was right, where the next question is for a code."""
        if "password" in self._sent and not self._refused:
            self._more_wanted = True
            return None
        self._refused = self._refused or "keyboard" in self._sent
        return None if "keyboard" in self._sent else ""

    def kbdint_challenge_received(
        self, name: str, instructions: str, _lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Answer a single hidden question with the password; what else is asked is noted."""
        words = " ".join((name, instructions, *(prompt for prompt, _ in prompts)))
        if "keyboard" in self._sent and prompts:
            self._expired = self._expired or speaks_of_expiry(words)
            self._more_wanted = True
        if not prompts:
            return []  # a message only
        secret = [not echo for _, echo in prompts]
        password = self._password("keyboard") if secret == [True] else None
        return None if password is None else [password]

    def public_key_auth_requested(self) -> None:
        """We have none; asked after a password that was not refused, it is wanted besides."""
        self._more_wanted = self._more_wanted or (bool(self._sent) and not self._refused)

    def _password(self, way: _Way) -> str | None:
        credentials = self._link.credentials
        if way in self._sent or credentials is None:
            return None
        self._sent.append(way)
        return credentials.password.get_secret_value()

    @property
    def why_denied(self) -> str:
        """The code of a logon that the server denied."""
        if self._expired:
            return "ssh-password-expired"
        if not self._sent:
            return "ssh-password-not-offered"
        return "ssh-more-wanted" if self._more_wanted else "ssh-auth-refused"
