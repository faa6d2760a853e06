"""The admin's CA file: read when it is set, kept with the revision. What it means is for `link.trust`."""

import os
import re
import ssl
import stat
from pathlib import Path

from tm_tui.atomic import opened, read_all, storage_failure
from tm_tui.errors import Problem, SettingsRefused, StorageFailed
from tm_tui.text import safe_text

__all__ = ["read_authorities"]

_FIELD = "trust.ca_file"
_MOST_BYTES = 1 << 20
_BEGIN = "-----BEGIN CERTIFICATE-----"
_CERTIFICATE = re.compile(_BEGIN + r"[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_REMEDY = "Choose a PEM file with the certificates of your authorities."


def _refused(cause: str, remedy: str = _REMEDY) -> SettingsRefused:
    return SettingsRefused((Problem(_FIELD, cause, remedy),))


def read_authorities(ca_file: str) -> str:
    """Return the PEM blocks of the certificates in `ca_file`, all else dropped.

    Raises StorageFailed if it cannot be read, SettingsRefused if it holds no certificate or a private key.
    """
    text = _read(Path(ca_file)).decode("utf-8", "replace")
    shown = safe_text(ca_file)
    if "PRIVATE KEY-----" in text:
        raise _refused(f"There is a private key in {shown}.")
    blocks = _CERTIFICATE.findall(text)
    if not blocks or len(blocks) != text.count(_BEGIN):
        raise _refused(f"There is no whole PEM certificate in {shown}.")
    pem = "\n".join(blocks) + "\n"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except ssl.SSLError:
        raise _refused(f"A certificate in {shown} cannot be read.") from None
    return pem


def _read(path: Path) -> bytes:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        with opened(path, flags) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StorageFailed(f"{safe_text(str(path))} is no regular file.", _REMEDY)
            data = read_all(descriptor, _MOST_BYTES)
    except OSError as error:
        raise storage_failure(path, error) from None
    if len(data) > _MOST_BYTES:
        raise _refused(f"{safe_text(str(path))} has more than {_MOST_BYTES} bytes.")
    return data
