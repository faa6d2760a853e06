"""The store that settings name by an address: `file:FOLDER` or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`."""

import ipaddress
import os
import re
import tomllib
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from tm_tui.atomic import Folder
from tm_tui.errors import TmError
from tm_tui.portal.blobs.files import FileBlobs
from tm_tui.portal.blobs.store import Blobs
from tm_tui.text import safe_text

__all__ = ["blobs_at", "checked_address"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"([A-Za-z0-9._-]+/)*[A-Za-z0-9._-]*")
_WORDS = frozenset({"endpoint", "region"})
_KEYS = ("access_key_id", "secret_access_key", "session_token")
_MOST_BYTES = 64 << 10
_FORM = "Write file:FOLDER, or s3://BUCKET/PREFIX?endpoint=https://HOST."


def checked_address(address: str) -> str:
    """The address, if it is one. Raises ValueError whose words are a cause, without what was typed."""
    if address.startswith("file:"):
        if not address.removeprefix("file:") or "\0" in address:
            raise ValueError("There is no folder in it.")
        return address
    try:
        found = urlsplit(address)
        words = dict(parse_qsl(found.query, strict_parsing=True)) if found.query else {}
        endpoint = urlsplit(words.get("endpoint", "https://default"))
        _ = endpoint.port
    except ValueError:
        raise ValueError("This is no address of a store.") from None
    if found.scheme != "s3":
        raise ValueError("This is no address of a store.")
    if "@" in found.netloc or "@" in endpoint.netloc:
        raise ValueError("User names and keys do not belong into an address.")
    if not _BUCKET.fullmatch(found.netloc) or not _PREFIX.fullmatch(found.path.strip("/")) or found.fragment:
        raise ValueError("It names no bucket, or a prefix with unusual characters.")
    if not words.keys() <= _WORDS:
        raise ValueError("Behind the question mark only endpoint and region may stand.")
    if endpoint.scheme != "https" and not _is_near(endpoint):
        raise ValueError("The endpoint is no HTTPS address: keys and data would travel in the clear.")
    return address


def _is_near(endpoint: SplitResult) -> bool:
    if endpoint.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(endpoint.hostname or "").is_loopback
    except ValueError:
        return False


def blobs_at(address: str, home: Path, credentials: str = "") -> Blobs:
    """The store. A relative folder begins in the home; `credentials` is a file with the keys of a bucket.

    Raises TmError when the address or the file cannot be used, or the library for buckets is not installed.
    """
    try:
        checked_address(address)
    except ValueError as error:
        raise TmError(f"The address of the blobs cannot be used. {error}", _FORM) from None
    if address.startswith("file:"):
        return FileBlobs(home / address.removeprefix("file:"))
    try:
        from tm_tui.portal.blobs.s3 import S3Blobs
    except ModuleNotFoundError:
        cause = "What the portal needs for a bucket is not installed."
        raise TmError(cause, "Install tm-tui[portal], or the package tm-tui-portal.") from None
    found = urlsplit(address)
    words = dict(parse_qsl(found.query))
    endpoint = words.get("endpoint", "")
    config = {"region": words.get("region", "us-east-1"), **_keys(home, credentials)}
    if endpoint:
        config |= {"endpoint": endpoint}
    plain = endpoint.startswith("http:")
    return S3Blobs(found.netloc, found.path.strip("/"), config, plain=plain)


def _keys(home: Path, credentials: str) -> dict[str, str]:
    """From the file, else from the environment; without either the library asks the machine's own service."""
    if not credentials:
        found = {key: os.environ.get(f"AWS_{key.upper()}", "") for key in _KEYS}
        return {key: value for key, value in found.items() if value}
    path = home / credentials
    with Folder.open(path.parent) as folder:
        text = folder.read(path.name, _MOST_BYTES)
    try:
        kept = tomllib.loads(text.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        kept = {}
    keys = {key: value for key in _KEYS if isinstance(value := kept.get(key), str) and value}
    if not {"access_key_id", "secret_access_key"} <= keys.keys():
        cause = f"{safe_text(str(path))} does not hold the keys of the bucket."
        raise TmError(
            cause, 'Write access_key_id = "..." and secret_access_key = "..." into it, in two lines.'
        )
    return keys
