"""What asyncssh reports, as codes of docs/failures.md. Apart, because importing asyncssh is slow."""

import asyncssh
from asyncssh.packet import PacketDecodeError

__all__ = ["code_for_ssh_error"]

_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (asyncssh.HostKeyNotVerifiable, "host-key-invalid"),
    (asyncssh.PermissionDenied, "ssh-auth-refused"),
    (asyncssh.ChannelOpenError, "ssh-no-session"),
    (asyncssh.SFTPPermissionDenied, "remote-denied"),
    (asyncssh.SFTPWriteProtect, "remote-read-only"),
    (asyncssh.SFTPNoSpaceOnFilesystem, "remote-disk-full"),
    (asyncssh.SFTPNoSuchFile, "remote-no-folder"),
    (asyncssh.SFTPNoSuchPath, "remote-no-folder"),
    (asyncssh.SFTPConnectionLost, "reply-closed"),
    (asyncssh.SFTPNoConnection, "reply-closed"),
    (asyncssh.SFTPEOFError, "reply-closed"),
    (asyncssh.SFTPError, "remote-file-failed"),
    (PacketDecodeError, "remote-file-failed"),
    (asyncssh.ProtocolNotSupported, "ssh-not-spoken"),
)
_CLOSED = {"host_key": "ssh-closed", "authentication": "ssh-login-closed"}


def code_for_ssh_error(error: BaseException, stage: str) -> str | None:
    """A code for asyncssh's exceptions, by type and by the stage in which they came."""
    for kind, code in _KINDS:
        if isinstance(error, kind):
            return code
    if isinstance(error, asyncssh.KeyExchangeFailed):
        no_match = "No matching" in error.reason  # asyncssh says this for every kind of algorithm
        return "ssh-no-common-algorithm" if no_match else "host-key-invalid"
    return _CLOSED.get(stage, "reply-closed") if isinstance(error, asyncssh.DisconnectError) else None
