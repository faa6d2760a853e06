"""One saved state, and the files that hold it: settings.toml, secrets.json, meta.json, ca.pem."""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tm_tui.atomic import Folder
from tm_tui.errors import SettingsRefused, StorageFailed
from tm_tui.settings.model import Secrets, Settings
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Count, Moment

__all__ = [
    "NO_CLAIMS",
    "NO_REVISION",
    "Claims",
    "DamagedRevision",
    "Kind",
    "Revision",
    "read_revision",
    "write_confirmation",
    "write_revision",
]

_MOST_BYTES = 1 << 20
_KNOWN_SCHEMA = 1
_CONFIRMATION = "confirmed.json"
_RESTORE = "Restore it from a backup, or save the settings again."


Kind = Literal["save", "trial", "restore", "rollback"]
"""How a revision came about: saved, saved on trial, an older one taken again, a trial taken back."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the client says of itself, beside the user that the kernel names. Nobody vouches for it."""

    tty: str = ""
    ssh_from: str = ""


NO_CLAIMS = Claims()


@dataclass(frozen=True, slots=True)
class Revision:
    """One numbered, immutable state of settings and passwords. Number 0: nothing was saved yet."""

    number: int
    settings: Settings
    secrets: Secrets
    ca_pem: str | None
    """The certificates of the CA file, as it was when the revision was saved."""
    saved_at: datetime | None
    saved_by: str
    note: str = ""
    claims: Claims = NO_CLAIMS
    kind: Kind = "save"
    of: int | None = None
    """The older revision whose settings these are, where `kind` is restore or rollback."""
    confirmed_by: str = ""
    """Who or what ended its trial well."""


@dataclass(frozen=True, slots=True)
class DamagedRevision:
    """A revision that cannot be read, and why."""

    number: int
    cause: str


NO_REVISION = Revision(0, Settings(), Secrets(), None, None, "")
"""What is in force before anything is saved."""


class _Meta(BaseModel):
    """meta.json. The checksums tell a flipped bit, or an edit by hand, from what was saved."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    schema_: Literal[1] = Field(1, alias="schema")
    number: Count
    saved_at: Moment
    saved_by: SafeText
    note: SafeText
    tty: SafeText = ""
    ssh_from: SafeText = ""
    kind: Kind = "save"
    of: Count | None = None
    sha256: dict[Literal["settings.toml", "secrets.json", "ca.pem"], Annotated[str, Field(max_length=64)]]


def write_revision(folder: Folder, revision: Revision) -> None:
    """Write the files of `revision` into an empty folder and bring them to the disk. Raises StorageFailed."""
    files = {
        "settings.toml": tomli_w.dumps(revision.settings.plain()).encode(),
        "secrets.json": _secrets_text(revision.secrets).encode(),
    }
    if revision.ca_pem is not None:
        files["ca.pem"] = revision.ca_pem.encode()
    meta = {
        "schema": 1,
        "number": revision.number,
        "saved_at": (revision.saved_at or datetime.now(UTC)).isoformat(),
        "saved_by": safe_text(revision.saved_by),
        "note": safe_text(revision.note),
        "tty": safe_text(revision.claims.tty),
        "ssh_from": safe_text(revision.claims.ssh_from),
        "kind": revision.kind,
        "of": revision.of,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    for name, data in files.items():
        folder.write(name, data)
    folder.write("meta.json", (json.dumps(meta, indent=1) + "\n").encode())
    folder.sync()


def read_revision(folder: Folder, number: int, *, with_secrets: bool = True) -> Revision:
    """Read one revision and check all of it. Raises StorageFailed with the file at fault."""
    meta = _read_meta(folder, number)
    settings = _read_settings(folder, _read(folder, meta, "settings.toml"))
    secrets = _read_secrets(folder, _read(folder, meta, "secrets.json")) if with_secrets else Secrets()
    ca_pem = _text(folder.path / "ca.pem", _read(folder, meta, "ca.pem")) if "ca.pem" in meta.sha256 else None
    claims = Claims(meta.tty, meta.ssh_from)
    return Revision(
        number,
        settings,
        secrets,
        ca_pem,
        meta.saved_at,
        meta.saved_by,
        meta.note,
        claims,
        meta.kind,
        meta.of,
        _confirmed_by(folder) if meta.kind == "trial" else "",
    )


class _Confirmation(BaseModel):
    """confirmed.json of a revision that was saved on trial."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    by: SafeText
    at: Moment


def write_confirmation(folder: Folder, by: str, at: datetime) -> None:
    """Note in the folder of a revision that its trial ended well. Raises StorageFailed."""
    folder.remove(_CONFIRMATION)  # what a killed one left
    folder.write(_CONFIRMATION, _Confirmation(by=by, at=at).model_dump_json().encode())
    folder.sync()


def _confirmed_by(folder: Folder) -> str:
    try:
        return _Confirmation.model_validate_json(folder.read(_CONFIRMATION, _MOST_BYTES)).by
    except (
        StorageFailed,
        ValidationError,
    ):  # torn: the trial went on, and another one was written if it ended well
        return ""


def _secrets_text(secrets: Secrets) -> str:
    values = {"tmsp": secrets.tmsp, "proxy": secrets.proxy}
    plain = {name: secret.get_secret_value() for name, secret in values.items() if secret is not None}
    return json.dumps(plain) + "\n"


def _damaged(path: Path, what: str) -> StorageFailed:
    return StorageFailed(f"{safe_text(str(path))} is damaged: {what}.", _RESTORE)


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(path, f"byte {error.start} is not UTF-8") from None


def _json(path: Path, data: bytes) -> Any:
    try:
        return json.loads(_text(path, data))
    except (ValueError, RecursionError):
        raise _damaged(path, "it is not JSON") from None


def _read_meta(folder: Folder, number: int) -> _Meta:
    path = folder.path / "meta.json"
    raw = _json(path, folder.read("meta.json", _MOST_BYTES))
    _refuse_newer(path, raw)
    try:
        meta = _Meta.model_validate(raw)
    except ValidationError:
        raise _damaged(path, "its content has the wrong form") from None
    if meta.number != number:
        raise _damaged(path, f"it belongs to revision {meta.number}")
    if not {"settings.toml", "secrets.json"} <= meta.sha256.keys():
        raise _damaged(path, "a checksum is missing")
    return meta


def _read(folder: Folder, meta: _Meta, name: Literal["settings.toml", "secrets.json", "ca.pem"]) -> bytes:
    data = folder.read(name, _MOST_BYTES)
    if hashlib.sha256(data).hexdigest() != meta.sha256[name]:
        cause = f"{safe_text(str(folder.path / name))} is not what was saved: its checksum differs."
        raise StorageFailed(cause, "Change settings with `tm-tui config` only, or restore it from a backup.")
    return data


def _read_settings(folder: Folder, data: bytes) -> Settings:
    path = folder.path / "settings.toml"
    try:
        raw = tomllib.loads(_text(path, data))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"it is not TOML ({safe_text(str(error), 100)})") from None
    _refuse_newer(path, raw)
    try:
        return Settings.parse(raw)
    except SettingsRefused as refused:
        raise _damaged(path, safe_text(str(refused.problems[0])).rstrip(".")) from None


def _refuse_newer(path: Path, raw: Any) -> None:
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if isinstance(schema, int) and schema > _KNOWN_SCHEMA:
        cause = (
            f"{safe_text(str(path))} was written by a newer version of tm-tui (schema {schema}, known: 1)."
        )
        raise StorageFailed(cause, "Install the newer version again, or restore a backup of this one.")


def _read_secrets(folder: Folder, data: bytes) -> Secrets:
    path = folder.path / "secrets.json"
    try:
        return Secrets.model_validate(_json(path, data))
    except ValidationError:
        raise _damaged(path, "its content has the wrong form") from None
