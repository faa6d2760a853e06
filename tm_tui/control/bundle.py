"""The bundle for support: one folder in a tar.gz, of plain JSON and TOML, without a secret."""

import asyncio
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import tomli_w
from pydantic import BaseModel

from tm_tui.control.core import Core
from tm_tui.control.documents import document_of, history_of, trust_of
from tm_tui.control.machine import machine, versions
from tm_tui.control.redaction import Redaction
from tm_tui.control.summary import summary
from tm_tui.errors import TmError

__all__ = ["bundle", "bundle_name"]

_README = """\
Diagnostics of the Threat Mitigator appliance {appliance}, taken at {at}.

No password is in here, nor the content of any log. Host names, user names, the e-mail address and the
fingerprints of servers are: look through it before you send it.

summary.txt    how the appliance stands, in short        status.json    the whole snapshot
settings.toml  the settings in force, no passwords       history.json   who saved what, when, why
activity.json  what the agent did of late                spool.json     the log queue, in numbers
test.json      the newest connection test                trust.json     authorities and SSH host keys
versions.json  of the product and its libraries          process.json   what the agent uses and may use
"""


def bundle_name(appliance: str, at: datetime) -> str:
    """The folder in the bundle, and the bundle's name without `.tar.gz`."""
    return f"tm-tui-{appliance}-{at:%Y%m%dT%H%M%SZ}"


async def bundle(core: Core) -> bytes:
    """Gather and pack it. What cannot be read is in there as the reason why."""
    status, revision, probe = core.status(), core.revision, core.last_test.newest
    at = status.taken_at
    readme = _README.format(appliance=core.appliance, at=at.isoformat(timespec="seconds"))
    settings = document_of(revision)
    files = {
        "README.txt": readme,
        "summary.txt": "\n".join(summary(status, probe)) + "\n",
        "status.json": _json(status),
        "settings.toml": tomli_w.dumps(settings.settings),
        "settings.json": _json(settings),
        "activity.json": _json(core.activity.lines()),
        "spool.json": _json(_spool(core)),
        "test.json": _json(probe and asdict(probe)),
        "versions.json": _json(await asyncio.to_thread(versions)),
        "process.json": _json(machine()),
    }
    files |= await asyncio.to_thread(_from_disk, core)
    redacted = Redaction(revision)
    files = {name: redacted(text) for name, text in files.items()}
    return await asyncio.to_thread(_packed, bundle_name(core.appliance, at), files, at)


def _from_disk(core: Core) -> dict[str, str]:
    parts: dict[str, Callable[[], Any]] = {
        "history.json": lambda: history_of(core.store.looked_through(), None),
        "trust.json": lambda: trust_of(core.revision, core.host_keys),
    }
    return {name: _json(_read(part)) for name, part in parts.items()}


def _read(part: Callable[[], Any]) -> Any:
    try:
        return part()
    except TmError as problem:
        return {"unreadable": str(problem)}


def _spool(core: Core) -> dict[str, Any]:
    seen = core.spool.status()
    batches = core.spool.batches()
    return {
        "events": seen.events,
        "bytes": seen.bytes,
        "limit_bytes": seen.limit_bytes,
        "full_percent": seen.full_percent,
        "oldest_age_seconds": seen.oldest_age_seconds,
        "accepted": seen.accepted,
        "lost": seen.lost,
        "refusal": seen.refusal,
        "notes": seen.notes,
        "sealed_batches": len(batches),
        "first_batches": [batch.name for batch in batches[:20]],
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a bundle")


def _packed(folder: str, files: dict[str, str], at: datetime) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w") as archive,
    ):
        for name, text in files.items():
            data = text.encode("utf-8", "replace")
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(at.timestamp()), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
