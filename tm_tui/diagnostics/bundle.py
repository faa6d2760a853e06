"""The bundle for support: one folder in a tar.gz, of plain JSON and TOML, without a secret.

In it stands what support asks first: versions, and what the system permits this process.
"""

import asyncio
import gzip
import io
import json
import os
import platform
import resource
import ssl
import sys
import tarfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import distributions
from typing import Any

import tomli_w

from tm_tui import __version__
from tm_tui.api.agent import ActivityLine, AgentStatus, RevisionInfo, SettingsDocument, TrustDocument
from tm_tui.api.shapes import Shape
from tm_tui.diagnostics.last_test import KeptProbe
from tm_tui.diagnostics.redaction import Redaction
from tm_tui.diagnostics.summary import summary
from tm_tui.errors import TmError
from tm_tui.settings.store import Revision
from tm_tui.spool.store import Spool

__all__ = ["Findings", "bundle", "bundle_name", "machine", "versions"]

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


@cache
def versions() -> dict[str, Any]:
    """Return the versions of the product, the system and each library. Reads many files the first time."""
    return {
        "tm-tui": __version__,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "system": _system(),
        "libraries": dict(sorted((one.name, one.version) for one in distributions())),
    }


def machine() -> dict[str, Any]:
    """Describe the process that runs this: its limits, memory and time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limits = {"core": resource.RLIMIT_CORE, "open_files": resource.RLIMIT_NOFILE}
    return {
        "pid": os.getpid(),
        "user": os.geteuid(),
        "interpreter": sys.executable,
        "largest_memory_kilobytes": used.ru_maxrss,
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "limits": {name: resource.getrlimit(number)[0] for name, number in limits.items()},
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def bundle_name(appliance: str, at: datetime) -> str:
    """The folder in the bundle, and the bundle's name without `.tar.gz`."""
    return f"tm-tui-{appliance}-{at:%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a bundle is made of. `history` and `trust` read the disk: they are called in a thread."""

    status: AgentStatus
    revision: Revision
    settings: SettingsDocument
    spool: Spool
    test: KeptProbe | None
    activity: tuple[ActivityLine, ...]
    history: Callable[[], tuple[RevisionInfo, ...]]
    trust: Callable[[], TrustDocument]


async def bundle(found: Findings) -> bytes:
    """Gather and pack it. What cannot be read is in there as the reason why."""
    status = found.status
    at = status.taken_at
    readme = _README.format(appliance=status.appliance, at=at.isoformat(timespec="seconds"))
    files = {
        "README.txt": readme,
        "summary.txt": "\n".join(summary(status, found.test)) + "\n",
        "status.json": _json(status),
        "settings.toml": tomli_w.dumps(found.settings.settings),
        "settings.json": _json(found.settings),
        "activity.json": _json(found.activity),
        "spool.json": _json(_spool(found.spool)),
        "test.json": _json(found.test and asdict(found.test)),
        "versions.json": _json(await asyncio.to_thread(versions)),
        "process.json": _json(machine()),
        "history.json": _json(await asyncio.to_thread(_read, found.history)),
        "trust.json": _json(await asyncio.to_thread(_read, found.trust)),
    }
    redacted = Redaction(found.revision)
    files = {name: redacted(text) for name, text in files.items()}
    return await asyncio.to_thread(_packed, bundle_name(status.appliance, at), files, at)


def _read(part: Callable[[], Any]) -> Any:
    try:
        return part()
    except TmError as problem:
        return {"unreadable": str(problem)}


def _spool(spool: Spool) -> dict[str, Any]:
    seen = spool.status()
    batches = spool.batches()
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
    if isinstance(value, Shape):
        return value.plain()
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
