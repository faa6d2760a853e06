"""Why a message did not go out, in words for an operator."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from tm_tui.errors import TmError
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.os_failures import code_for_os_error, code_for_tls_error
from tm_tui.text import safe_text

__all__ = ["NotSent", "context_of", "not_sent", "secret_in", "trust_of"]

_MOST_SECRET_BYTES = 4096
_WORDS = {
    "name-unknown": ("The name of {target} is not known.", "Check it, and the portal's DNS."),
    "name-no-resolver": ("No name server says where {target} is.", "Check the portal's DNS."),
    "tcp-refused": ("{target} takes no connection.", "Check host and port, and that the server runs."),
    "tcp-timeout": ("{target} does not answer.", "Check host and port, and the firewalls between."),
    "tcp-unreachable": ("There is no way to {target}.", "Check host and port, and the portal's network."),
    "tcp-blocked": ("This machine does not let the portal connect to {target}.", "Check its firewall."),
    "tls-expired": ("The certificate of {target} has expired.", "Its administrator must renew it."),
    "tls-not-yet-valid": ("The certificate of {target} is not valid yet.", "Check the portal's clock."),
    "tls-wrong-name": ("The certificate of {target} is for another name.", "Enter the name that it is for."),
    "tls-unknown-issuer": ("The authority of {target} is not known.", "Set its certificate as ca_file."),
    "tls-self-signed": (
        "The certificate of {target} is signed by itself.",
        "Set it as ca_file, if it is yours.",
    ),
    "tls-client-certificate": ("{target} wants a certificate of the portal.", "Set certificate and key."),
    "tls-not-spoken": ("{target} does not speak TLS on this port.", "Check port and security."),
}
_STRANGE = ("{target} does not answer as its protocol says.", "Check host and port.")
_LATE = ("{target} did not take the message in time.", "Look at that server; the portal tries again.")
_ENDED = ("{target} ended the connection.", "Look into that server's log; the portal tries again.")


class NotSent(TmError):
    """A message that did not go out. It is tried again.

    `answered`: the receiver is there and does not want this one; others may go out meanwhile.
    """

    def __init__(self, cause: str, remedy: str, *, answered: bool = False) -> None:
        super().__init__(cause, remedy)
        self.answered = answered


def not_sent(error: BaseException, target: str) -> NotSent:
    """What became of a connection to `target` (host and port)."""
    cause, remedy = _words(error)
    return NotSent(cause.format(target=safe_text(target, 300)), remedy)


def _words(error: BaseException) -> tuple[str, str]:
    chain = tuple(_chain(error))
    for one in chain:
        code = None
        if isinstance(one, LinkFailure):
            return _WORDS.get(one.code) or _late_or_ended(one.code)
        if isinstance(one, ssl.SSLError):
            code = code_for_tls_error(one, "tls")
            found = _WORDS.get(code)
            return found or (f"No TLS with {{target}} came about ({code}).", "Look into that server's log.")
        if isinstance(one, OSError):
            code = code_for_os_error(one, "tcp")
        if code in _WORDS:
            return _WORDS[code]
    if any(isinstance(one, TimeoutError) or "timeout" in type(one).__name__.lower() for one in chain):
        return _LATE
    return _ENDED


def _late_or_ended(code: str) -> tuple[str, str]:
    return _LATE if code.endswith("timeout") else _ENDED if code.endswith("closed") else _STRANGE


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """What caused it, from the inside outwards."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return iter(reversed(seen))


def trust_of(ca_file: Path | None) -> Trust:
    """The system's authorities, and those of a file. Raises NotSent for a file that cannot be used."""
    try:
        pem = None if ca_file is None else ca_file.read_text("ascii")
        trust = Trust(pem, HostKeys(Path(os.devnull)))
        trust.tls_context()
    except (OSError, ValueError, TmError) as error:
        raise _file(ca_file, error, "Give a file with certificates (PEM).") from None
    return trust


def context_of(ca_file: Path | None, certificate: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """TLS that proves who the server is. Raises NotSent for files that cannot be used."""
    context = trust_of(ca_file).tls_context()
    if certificate is not None:
        try:
            context.load_cert_chain(*certificate, password="")  # one with a passphrase shall not ask for it
        except (OSError, ValueError) as error:
            remedy = "Give certificate and key (PEM) that belong together."
            raise _file(certificate[0], error, remedy) from None
    return context


def secret_in(path: Path) -> str:
    """The one line of a file that others may not read. Raises NotSent."""
    try:
        found = path.stat()
        if found.st_mode & 0o007:
            cause = f"All users of this machine may read {safe_text(str(path))}."
            raise NotSent(cause, "Take that right away (chmod 600), and change the secret.")
        with path.open("rb") as file:
            data = file.read(_MOST_SECRET_BYTES + 1)
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise _file(path, error, "Put the secret there, in one line.") from None
    if not text or len(data) > _MOST_SECRET_BYTES or any(sign in text for sign in "\r\n\0"):
        raise NotSent(
            f"{safe_text(str(path))} is not one line of text.", "Put the secret there, in one line."
        )
    return text


def _file(path: Path | None, error: Exception, remedy: str) -> NotSent:
    reason = getattr(error, "strerror", None) or "its content is not of the right form"
    return NotSent(f"{safe_text(str(path))} cannot be used: {safe_text(str(reason), 100)}.", remedy)
