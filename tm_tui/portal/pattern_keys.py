"""The portal's keys for patterns: one Ed25519 key a role, in HOME/keys, by the id that the root names."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Root

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed

__all__ = ["new_key", "signer_of"]

_MOST_PEM = 4096


def new_key(keys: Folder) -> CryptoSigner:
    """Make a key, and keep it before anything relies on it. Raises StorageFailed."""
    signer = CryptoSigner.generate_ed25519()
    keys.replace(_name(signer.public_key.keyid), signer.private_bytes)
    return signer


def signer_of(keys: Folder, root: Root, role: str) -> CryptoSigner:
    """The key that this root wants for a role. Raises StorageFailed when it is not there or another one."""
    (keyid,) = root.roles[role].keyids
    path = keys.path / _name(keyid)
    try:
        key = serialization.load_pem_private_key(keys.read(_name(keyid), _MOST_PEM), None)
    except (StorageAbsent, ValueError):
        raise StorageFailed(
            f"{path} does not hold the key for {role} of the patterns.", "Restore it from a backup."
        ) from None
    public = root.keys[keyid]
    if not isinstance(key, Ed25519PrivateKey) or not isinstance(public, SSlibKey):
        raise StorageFailed(f"{path} holds no Ed25519 key.", "Restore it from a backup.")
    return CryptoSigner(key, public)


def _name(keyid: str) -> str:
    return f"pattern-{keyid[:32]}.pem"
