"""Which keys a portal may sign its patterns with: those that are verified in this process, by cryptography.

python-tuf takes others too, for which it would run gpg on what a stranger wrote.
"""

from securesystemslib.signer import SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

__all__ = ["ODD", "usable_root"]

ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What Python raises over content of which nobody thought, python-tuf's authors included."""


def usable_root(data: bytes) -> Metadata[Root]:
    """Read root metadata, which is not verified by that. Raises RepositoryError."""
    found = Metadata[Root].from_bytes(data)
    if not isinstance(found.signed, Root):
        raise RepositoryError("this is no root")
    if not all(type(key) is SSlibKey for key in found.signed.keys.values()):
        raise RepositoryError("a key of a kind that is not used here")
    return found
