"""The demo's patterns: endpoints with an issue, a pattern from the portal, its way there, what came of it."""

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard

from tm_tui.api.agent import AgentStatus
from tm_tui.api.patterns import DeploymentInfo, PatternsDocument
from tm_tui.api.requests import DeployRequest
from tm_tui.demo.logs import lines_of
from tm_tui.demo.stage import Stage
from tm_tui.errors import TmError

__all__ = ["deploy_a_pattern", "issue_pattern", "prepare_endpoints", "unresolved_events"]

_LIMIT = 60.0
_MOST_BYTES = 64 << 20
_CONTENT = b"TM-TUI DEMO PATTERN\n" + bytes(range(256)) * 64
_BEHAVIOUR: dict[str, dict[str, Any]] = {
    "ward-01.branch.example.net": {"cleanup": "cleaned"},
    "ward-02.branch.example.net": {"cleanup": "resolved-no-longer-exists"},
    "ward-03.branch.example.net": {"unreachable": 1, "cleanup": "cleaned"},
    "ward-04.branch.example.net": {"fails": "The mitigation service on it is stopped."},
}
"""Some are cleaned, one is not reached at first, one fails."""


def prepare_endpoints(stage: Stage) -> Path:
    """Name the demo's mitigation engine to the agent; the folder where it keeps what it did."""
    folder = stage.folder / "endpoints"
    folder.mkdir(exist_ok=True)
    (folder / "endpoints.json").write_text(json.dumps(_BEHAVIOUR), encoding="utf-8")
    argv = json.dumps([sys.executable, "-m", "tm_tui.demo.endpoints", str(folder)])
    deployer = stage.folder / "appliance" / "config" / "deployer.toml"
    deployer.write_text(f"argv = {argv}\nretry_seconds = 1\n", encoding="utf-8")
    deployer.chmod(0o600)
    return folder


def unresolved_events(now: datetime) -> list[dict[str, Any]]:
    """Threat events that name each of the endpoints as one with an issue."""
    return [
        {
            "kind": "threat-event",
            "id": f"ward-{n}",
            "time": (now - timedelta(minutes=5)).isoformat(),
            "endpoint": {"hostname": name, "ip": f"192.0.2.{n + 1}"},
            "event_type": "threat-discovery-appliance-event",
            "source": "threat-discovery-appliance",
            "status": "unsuccessful",
            "threat": {"name": "RTKT_HIDE.C", "severity": "critical"},
        }
        for n, name in enumerate(_BEHAVIOUR)
    ]


async def issue_pattern(stage: Stage, description: str) -> int:
    """Issue a pattern at the portal, as its operator does; its Pattern ID. Raises TmError."""
    content = stage.folder / "demo.pattern"
    content.write_bytes(_CONTENT)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tm_tui.cli", "portal", "--home", str(stage.folder / "portal")),
        *("pattern", "issue", str(content), "--type", "bandage", "--description", description, "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, wrong = await process.communicate()
    if process.returncode:
        raise TmError(f"The pattern was not issued: {wrong.decode('utf-8', 'replace')[:300]}", "")
    return int(json.loads(out)["issued"]["id"])


async def deploy_a_pattern(stage: Stage) -> str:
    """A pattern is issued, announced, verified, deployed to all endpoints with an issue, and told of."""
    engine = prepare_endpoints(stage)
    taken = await stage.client.add_events(lines_of(unresolved_events(datetime.now(UTC))))
    if taken.accepted != len(_BEHAVIOUR):
        raise TmError(f"{taken.accepted} of {len(_BEHAVIOUR)} events were accepted.", "See the agent's log.")
    await _until(stage, "a first look", lambda now: now.patterns.state == "current")
    number = await issue_pattern(stage, "Removes RTKT_HIDE.C")
    await _until(stage, "the pattern", lambda now: now.patterns.newest_id == number)
    document = await stage.client.patterns()
    _all_unresolved(document)
    begun = await stage.client.deploy_pattern(DeployRequest(pattern=number, endpoints=tuple(_BEHAVIOUR)))
    async with asyncio.timeout(_LIMIT):
        while begun.state != "done":
            begun = await stage.client.deployment(begun.number, wait=True)
    tries = len((engine / "done.ndjson").read_text(encoding="utf-8").splitlines())
    _as_expected(begun, tries)
    again = await _cleaned_again(stage, number)
    events = await _told_at_portal(stage, number)
    return (
        f"pattern {number} verified, {begun.deployed} endpoints cleaned (one after a retry), {begun.failed}"
        f" failed; custom cleanup run again on {again}; {events} events about it at the portal"
    )


async def _cleaned_again(stage: Stage, number: int) -> str:
    """Custom cleanup once more at one endpoint, by itself; its host name."""
    name = next(iter(_BEHAVIOUR))
    request = DeployRequest(action="cleanup", pattern=number, endpoints=(name,))
    begun = await stage.client.deploy_pattern(request)
    async with asyncio.timeout(_LIMIT):
        while begun.state != "done":
            begun = await stage.client.deployment(begun.number, wait=True)
    if [one.state for one in begun.results] != ["done"]:
        raise TmError(f"Custom cleanup on {name} went otherwise than it should.", "See the agent's log.")
    return name.partition(".")[0]


def _all_unresolved(document: PatternsDocument) -> None:
    missing = set(_BEHAVIOUR) - {one.hostname for one in document.unresolved}
    if missing:
        raise TmError(f"Not known as unresolved: {', '.join(sorted(missing))}.", "See the agent's log.")


def _as_expected(info: DeploymentInfo, tries: int) -> None:
    if (info.deployed, info.failed, tries) != (3, 1, len(_BEHAVIOUR) + 1):
        told = f"{info.deployed} deployed, {info.failed} failed, {tries} tries"
        raise TmError(f"The deployment went otherwise than it should: {told}.", "See the agent's log.")


async def _told_at_portal(stage: Stage, number: int) -> int:
    """Send the logs, and count what the portal's files say of this deployment."""
    reply = await stage.client.send_logs()
    while not reply.done:
        reply = await stage.client.sent(reply.number)
    if reply.failure is not None:
        raise TmError(f"Not delivered: {reply.failure.cause}", reply.failure.remedy)
    appliance = (await stage.client.status()).appliance
    events = await asyncio.to_thread(_events_about, stage.portal.logs / appliance, number)
    kinds = sorted(event["event_type"] for event in events)
    wanted = ["custom-pattern-deployment"] * 4 + ["post-assessment-cleanup"] * 4
    if kinds != wanted:
        raise TmError(f"The portal's files tell {len(kinds)} of {len(wanted)} events.", "See its log.")
    return len(events)


def _events_about(folder: Path, number: int) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.glob("*.ndjson.zst")):
        with path.open("rb") as file:
            text = zstandard.ZstdDecompressor().stream_reader(file).read(_MOST_BYTES)
        found += [json.loads(line) for line in text.splitlines()]
    return [event for event in found if event["id"].startswith(f"pattern-{number}-")]


async def _until(stage: Stage, what: str, holds: Callable[[AgentStatus], bool]) -> None:
    try:
        async with asyncio.timeout(_LIMIT):
            async for status in stage.client.status_stream():
                if holds(status):
                    return
    except TimeoutError:
        raise TmError(f"Waited {_LIMIT:.0f} s for {what}.", "See the agent's log.") from None
