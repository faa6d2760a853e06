"""Records of TLS 1.3 as a peer may write them that knows its own secret, and OpenSSL would not."""

import hmac
import socket
import ssl
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Writer", "no_longer_tls"]

_HANDSHAKE = 22
_SECRET, _KEY, _IV = 48, 32, 12
"""Bytes, with TLS_AES_256_GCM_SHA384, the first choice of all who use OpenSSL."""


def no_longer_tls(line: ssl.SSLSocket, keys: Path, who: str) -> tuple[socket.socket, "Writer"]:
    """The socket below a line whose keys are logged, and who writes on it as `CLIENT` or `SERVER`."""
    assert line.cipher()[0] == "TLS_AES_256_GCM_SHA384"  # type: ignore[index]
    logged = keys.read_text(encoding="ascii").splitlines()
    names = dict(text.split()[::2] for text in logged if text[0] != "#")
    writer = Writer(bytes.fromhex(names[f"{who}_TRAFFIC_SECRET_0"]))
    return socket.socket(fileno=line.detach()), writer


class Writer:
    """Who writes the first record behind the handshake, and all that follow."""

    def __init__(self, secret: bytes) -> None:
        self._begin(secret)

    def new_keys(self, count: int) -> bytes:
        """So many records that each ask for new keys of both sides (RFC 8446, 4.6.3)."""
        written = bytearray()
        for _ in range(count):
            written += self._sealed(_HANDSHAKE, b"\x18\0\0\1\1")
            self._begin(_expanded(self._secret, b"traffic upd", _SECRET))
        return bytes(written)

    def _begin(self, secret: bytes) -> None:
        self._secret, self._sent = secret, 0
        self._cipher = AESGCM(_expanded(secret, b"key", _KEY))
        self._iv = int.from_bytes(_expanded(secret, b"iv", _IV), "big")

    def _sealed(self, kind: int, content: bytes) -> bytes:
        inner = content + bytes([kind])
        head = b"\x17\3\3" + (len(inner) + 16).to_bytes(2, "big")
        nonce = (self._iv ^ self._sent).to_bytes(_IV, "big")
        self._sent += 1
        return head + self._cipher.encrypt(nonce, inner, head)


def _expanded(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446, 7.1), up to one block."""
    info = size.to_bytes(2, "big") + bytes([6 + len(label)]) + b"tls13 " + label + b"\0"
    return hmac.digest(secret, info + b"\1", "sha384")[:size]
