"""The demo's case: much evidence, a slow line, an agent that dies in the middle, and not a byte lost."""

import asyncio
import hashlib
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import zstandard

from tm_tui.api.agent import AgentStatus
from tm_tui.api.cases import CaseInfo
from tm_tui.api.requests import SecretChanges, SubmitRequest
from tm_tui.demo.stage import Stage
from tm_tui.errors import TmError

__all__ = ["case_survives_a_kill"]

_LIMIT = 90.0
_BYTES = 50_000_000
_KBPS = 20_000
"""So slow that there is a middle."""
_BEGUN = 0.1


async def case_survives_a_kill(stage: Stage) -> str:
    """A case of 50 MB is submitted, the agent killed on the way; it goes on, and all bytes arrive."""
    evidence = stage.folder / "evidence" / "memory.img"
    digest = await asyncio.to_thread(_collect, evidence)
    await _slowly(stage, _KBPS)
    request = SubmitRequest(paths=(str(evidence.parent),), endpoint="ward-04.branch.example.net")
    number = (await stage.client.submit_case(request)).number
    await _until(stage, "the middle of the upload", _in_the_middle)
    await stage.agent.kill()
    await stage.agent.start()
    status = await _until(stage, "the upload to go on", _sending)
    kept = status.cases.progress.done_bytes if status.cases.progress else 0
    await _slowly(stage, 0)
    await _until(stage, "the whole case", lambda now: now.cases.waiting == 0)
    case = await _named(stage, number)
    await asyncio.to_thread(_compare, stage.portal.cases, case, digest)
    return f"{case.case_id}: {case.packed_bytes:,} bytes, went on after {kept:,}, the same at the portal"


def _collect(path: Path) -> str:
    """Make evidence that cannot be compressed; its SHA-256."""
    path.parent.mkdir()
    content = os.urandom(_BYTES)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


async def _slowly(stage: Stage, kbps: int) -> None:
    settings = stage.settings("ssl", enabled=True)
    settings["tmsp"]["status_server"]["upload_kbps"] = kbps
    await stage.save(settings, SecretChanges(), f"demo: upload limit {kbps} KB/s")


def _sending(status: AgentStatus) -> bool:
    progress = status.cases.progress
    return progress is not None and progress.phase == "sending" and progress.done_bytes > 0


def _in_the_middle(status: AgentStatus) -> bool:
    progress = status.cases.progress
    return _sending(status) and progress is not None and progress.done_bytes > _BEGUN * (progress.bytes or 0)


def _compare(folder: Path, case: CaseInfo, digest: str) -> None:
    """The packed file and what is in it must be what was submitted. Raises TmError."""
    path = folder / f"{case.case_id}.tar.zst"
    with path.open("rb") as file:
        packed = hashlib.file_digest(file, "sha256").hexdigest()
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
        found = _digests(plain)
    if packed != case.sha256 or digest not in found:
        raise TmError("The case at the portal is not the one that was submitted.", "See the agent's log.")


def _digests(plain: IO[bytes]) -> set[str]:
    with tarfile.open(fileobj=plain, mode="r|") as archive:
        return {
            hashlib.sha256(inner.read()).hexdigest()
            for member in archive
            if (inner := archive.extractfile(member)) is not None
        }


async def _named(stage: Stage, number: int) -> CaseInfo:
    """The case once the portal has told its ID, which it does after it has all of it."""
    try:
        async with asyncio.timeout(_LIMIT):
            async for _ in stage.client.status_stream():
                case = next(one for one in (await stage.client.cases()).cases if one.number == number)
                if case.case_id:
                    return case
    except TimeoutError:
        pass
    raise TmError(f"Waited {_LIMIT:.0f} s for the case's ID.", "See the agent's log.")


async def _until(stage: Stage, what: str, holds: Callable[[AgentStatus], bool]) -> AgentStatus:
    try:
        async with asyncio.timeout(_LIMIT):
            async for status in stage.client.status_stream():
                if holds(status):
                    return status
    except TimeoutError:
        pass
    raise TmError(f"Waited {_LIMIT:.0f} s for {what}.", "See the agent's log.")
