"""Patterns in a real agent with a real portal: from a notice to events, over socket and command line."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agents import agent_in, short_home, status_when
from engine.portal.portals import OpenPortal, ndjson, opened_portal
from patterning.deploying import write_deployer
from tm_tui.agent.agent import Agent
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.requests import DeployRequest, SaveRequest, SecretChanges
from tm_tui.cli.commands import engine_commands
from tm_tui.paths import Home

DEPLOYS = """read -r request
for id in $(printf '%s' "$request" | grep -o '"id": "[0-9]*"' | grep -o '[0-9]*'); do
    echo '{"id": "'$id'", "outcome": "deployed"}'; done"""


class Work:
    """Portal, agent and a client of it."""

    def __init__(self, home: Home, portal: OpenPortal, agent: Agent, client: ControlClient) -> None:
        self.home, self.portal, self.agent, self.client = home, portal, agent, client

    async def save(self, *, enabled: bool = True, deploy: str = "manual") -> None:
        ready = self.portal.ready
        tmsp = {
            "enabled": enabled,
            "edition": "on-premise",
            "username": ready["username"],
            "heartbeat_seconds": 5,
            "log_server": {"host": "127.0.0.1", "port": ready["log_server"]["https_port"], "protocol": "ssl"},
            "status_server": {"host": "127.0.0.1", "port": ready["status_server"]["port"]},
        }
        settings = {"schema": 1, "tmsp": tmsp, "trust": {"ca_file": ready["ca_file"]}}
        settings["patterns"] = {"deploy": deploy}
        secrets = SecretChanges.model_validate({"tmsp": self.portal.password})
        base = (await self.client.settings()).revision
        await self.client.save(SaveRequest(settings=settings, secrets=secrets), base)

    def issue(self, content: Path, *more: str) -> None:
        words = ("pattern", "issue", str(content), "--type", "bandage", "--description", "For WORM.X", *more)
        assert self.portal.command(*words).returncode == 0

    async def events(self, *statuses: str) -> None:
        """One event an endpoint, `pc-0`, `pc-1` ..., with these statuses."""
        now = datetime.now(UTC).isoformat()
        lines = [
            {
                "kind": "threat-event",
                "time": now,
                "endpoint": {"hostname": f"pc-{n}", "ip": f"192.0.2.{n + 1}"},
                "event_type": "on-demand-scan-by-user",
                "source": "on-demand-scan",
                "status": status,
                "threat": {"name": "WORM.X", "severity": "high"},
            }
            for n, status in enumerate(statuses)
        ]
        assert (await self.client.add_events(ndjson(*lines))).accepted == len(statuses)


@asynccontextmanager
async def working(folder: Path) -> AsyncIterator[Work]:
    with short_home() as home:
        async with (
            opened_portal(folder / "portal") as portal,
            agent_in(home) as agent,
            ControlClient(home.control_socket) as client,
        ):
            yield Work(home, portal, agent, client)


@pytest.fixture
async def work(tmp_path: Path) -> AsyncIterator[Work]:
    async with working(tmp_path) as made:
        yield made


@pytest.fixture
def content(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(b"the pattern")
    return path


async def test_a_notice_brings_the_pattern(work: Work, content: Path) -> None:
    """What is issued while the agent beats is announced, verified and here with what is told of it."""
    await work.save()
    await status_when(work.client, lambda now: now.patterns.state == "current")
    work.issue(content)
    status = await status_when(work.client, lambda now: now.patterns.newest_id == 1)
    assert (status.patterns.new, status.patterns.last_failure) == (1, None)
    (pattern,) = (await work.client.patterns()).patterns
    assert (pattern.id, pattern.type, pattern.version, pattern.description, pattern.state, pattern.bytes) == (
        *(1, "bandage", "1.0", "For WORM.X", "new"),
        11,
    )


async def test_unresolved_endpoints_are_known_at_once(work: Work) -> None:
    """What was accepted counts without waiting for the next sending; resolved ones are not in the list."""
    await work.events("unsuccessful", "cleaned", "manual-cleanup-needed", "exception", "no-mitigation")
    document = await work.client.patterns()
    assert sorted(one.hostname for one in document.unresolved) == ["pc-0", "pc-2", "pc-4"]
    assert document.unresolved_total == 3


async def test_deployment_is_done_and_told(work: Work, content: Path) -> None:
    """Deployed to all unresolved endpoints: they are resolved then, the events wait for the log server."""
    work.issue(content)
    await work.save()
    write_deployer(work.home.config, DEPLOYS)
    await work.events("unsuccessful", "unsuccessful", "cleaned")
    await status_when(work.client, lambda now: now.patterns.newest_id == 1)
    begun = await work.client.deploy_pattern(DeployRequest(pattern=1, unresolved=True))
    assert begun.endpoints == 2
    done = await work.client.deployment(begun.number, wait=True)
    assert (done.state, done.deployed) == ("done", 2)
    document = await work.client.patterns()
    assert (document.unresolved_total, document.patterns[0].state) == (0, "deployed")
    assert (await work.client.status()).patterns.new == 0
    spool = await work.client.spool()
    assert spool.events == 3 + 4


async def test_custom_cleanup_is_an_action_of_its_own(
    work: Work, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run again where the pattern was deployed: the deployer is told so, the log tells the cleanup alone."""
    monkeypatch.setenv("TM_TUI_HOME", str(work.home.config.parent))
    work.issue(content)
    await work.save()
    heard = work.home.config.parent / "heard"
    cleans = DEPLOYS.replace("read -r request", f"read -r request; printf '%s\\n' \"$request\" >>{heard}")
    write_deployer(work.home.config, cleans)
    await work.events("unsuccessful", "unsuccessful", "unsuccessful")
    await status_when(work.client, lambda now: now.patterns.newest_id == 1)
    with pytest.raises(ControlRefused) as refused:
        await work.client.deploy_pattern(DeployRequest(action="cleanup", pattern=1, endpoints=("pc-0",)))
    assert refused.value.refusal.code == "not-deployed"
    first = await work.client.deploy_pattern(DeployRequest(pattern=1, endpoints=("pc-0", "pc-1")))
    assert (await work.client.deployment(first.number, wait=True)).deployed == 2
    before = (await work.client.spool()).events
    code, told = await command("pattern", "cleanup", "1", "--endpoint", "pc-1", "--wait")
    assert code == 0
    assert "Custom cleanup 2 by pattern 1 on 1 endpoint" in told
    assert "1 cleaned up" in told
    assert (await work.client.spool()).events == before + 1
    asked = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [one["action"] for one in asked] == ["deploy", "cleanup"]
    assert asked[1]["pattern"]["id"] == 1
    assert [one["hostname"] for one in asked[1]["endpoints"]] == ["pc-1"]
    assert asked[1]["endpoints"][0]["threat"] == "WORM.X"
    assert (await command("pattern", "cleanup", "1", "--deployed", "--wait"))[0] == 0
    asked = [json.loads(line) for line in heard.read_text().splitlines()]
    assert sorted(one["hostname"] for one in asked[2]["endpoints"]) == ["pc-0", "pc-1"]
    with pytest.raises(ControlRefused) as refused:  # pc-2 never had it
        await work.client.deploy_pattern(DeployRequest(action="cleanup", pattern=1, unresolved=True))
    assert "no deployment of pattern 1 names one" in refused.value.cause
    lines = [json.loads(line) async for line in work.agent.spool.lines()]
    kinds = [one["event_type"] for one in lines if one["source"] == "tmsp"]
    assert kinds.count("custom-pattern-deployment") == 2
    assert kinds.count("post-assessment-cleanup") == 5


async def test_automatic_deployment(work: Work, content: Path) -> None:
    """Set to automatic, the newest pattern goes to all unresolved endpoints by itself, once."""
    write_deployer(work.home.config, DEPLOYS)
    await work.events("unsuccessful")
    await work.client.patterns()
    await work.save(deploy="automatic")
    work.issue(content)
    await status_when(work.client, lambda now: now.patterns.newest_id == 1 and now.patterns.new == 0)
    info = await work.client.deployment(1, wait=True)
    assert (info.by, info.deployed) == ("automatic", 1)
    await work.events("unsuccessful")
    await work.client.patterns()
    assert len((await work.client.patterns()).deployments) == 1


@pytest.mark.parametrize("damage", [b"the pattern!", b"the_pattern", None], ids=["longer", "altered", "gone"])
async def test_a_damaged_pattern_is_fetched_again(
    work: Work, content: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    """A file that the disk has altered comes again by itself, for a deployment or at a check."""
    monkeypatch.setenv("TM_TUI_HOME", str(work.home.config.parent))
    work.issue(content)
    await work.save()
    write_deployer(work.home.config, DEPLOYS)
    await status_when(work.client, lambda now: now.patterns.newest_id == 1)
    (file,) = (work.home.state / "patterns" / "files").glob("*.pattern")

    def spoil() -> None:
        file.unlink()
        if damage is not None:
            file.write_bytes(damage)

    spoil()
    begun = await work.client.deploy_pattern(DeployRequest(pattern=1, endpoints=("pc-9",)))
    assert (await work.client.deployment(begun.number, wait=True)).deployed == 1
    assert file.read_bytes() == b"the pattern"
    assert (await work.client.spool()).events == 2
    await status_when(work.client, lambda now: now.patterns.state == "current")
    spoil()
    assert (await command("pattern", "check"))[0] == 0
    assert file.read_bytes() == b"the pattern"
    told = (await command("pattern", "list"))[1]
    assert "The patterns of the portal are here." in told
    assert "There is no pattern here." not in told
    assert (await work.client.patterns()).patterns[0].deployed_at is not None


async def test_switched_off_nothing_is_downloaded(work: Work, content: Path) -> None:
    """Off: the state says so, a check is refused with the reason, and what is here can still be deployed."""
    work.issue(content)
    await work.save()
    await status_when(work.client, lambda now: now.patterns.newest_id == 1)
    await work.save(enabled=False)
    status = await status_when(work.client, lambda now: now.patterns.state == "disabled")
    assert any("custom patterns are not downloaded" in alert for alert in status.alerts)
    with pytest.raises(ControlRefused) as refused:
        await work.client.check_patterns()
    assert refused.value.refusal.code == "disabled"
    write_deployer(work.home.config, DEPLOYS)
    begun = await work.client.deploy_pattern(DeployRequest(pattern=1, endpoints=("pc-9",)))
    assert (await work.client.deployment(begun.number, wait=True)).deployed == 1


REFUSED: list[tuple[Callable[[Work], None], DeployRequest, str]] = [
    (lambda _: None, DeployRequest(pattern=7, unresolved=True), "no-such-pattern"),
    (lambda _: None, DeployRequest(pattern=1, unresolved=True), "no-endpoints"),
    (lambda _: None, DeployRequest(pattern=1, endpoints=("pc-0",)), "deployer-missing"),
    (
        lambda work: (work.home.config / "deployer.toml").write_text("argv = 1") and None,
        DeployRequest(pattern=1, endpoints=("pc-0",)),
        "deployer-unusable",
    ),
]


async def test_what_cannot_be_deployed_is_refused(work: Work, content: Path) -> None:
    """No such pattern, no endpoint, no deployer: each refusal has its code and begins nothing."""
    work.issue(content)
    await work.save()
    await status_when(work.client, lambda now: now.patterns.newest_id == 1)
    for prepare, request, code in REFUSED:
        prepare(work)
        with pytest.raises(ControlRefused) as refused:
            await work.client.deploy_pattern(request)
        assert (refused.value.status, refused.value.refusal.code) == (409, code)
    assert (await work.client.patterns()).deployments == ()
    with pytest.raises(ControlRefused) as refused:
        await work.client.deployment(3)
    assert refused.value.status == 404


async def test_by_command_line(work: Work, content: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """List, check and deploy say what happens in words and in JSON, with exit codes that scripts rely on."""
    monkeypatch.setenv("TM_TUI_HOME", str(work.home.config.parent))
    write_deployer(work.home.config, DEPLOYS)
    await work.save()
    await work.events("unsuccessful")
    await status_when(work.client, lambda now: now.patterns.state == "current")
    work.issue(content)
    code, told = await command("pattern", "check", "--json")
    assert (code, [one["id"] for one in json.loads(told)["patterns"]]) == (0, [1])
    code, told = await command("pattern", "list")
    assert code == 0
    assert "For WORM.X" in told
    assert "pc-0" in told
    code, told = await command("pattern", "deploy", "1", "--unresolved", "--wait")
    assert code == 0
    assert "done, 1 deployed, 0 failed" in told
    code, told = await command("pattern", "deploy", "1", "--endpoint", "pc-8", "--wait", "--json")
    assert json.loads(told)["results"][0] | {"at": None} == {
        "hostname": "pc-8",
        "ip": None,
        "state": "deployed",
        "cleanup": "cleaned",
        "code": None,
        "detail": "",
        "attempts": 1,
        "at": None,
    }
    assert (await command("pattern", "deploy", "1"))[0] == 2
    assert (await command("pattern", "forget-root"))[0] == 0
    await status_when(work.client, lambda now: now.patterns.state == "current")


async def command(*words: str) -> tuple[int, str]:
    """Run a command beside the agent of this process."""

    def run() -> Any:
        return CliRunner().invoke(engine_commands(), words)

    done = await asyncio.to_thread(run)
    return done.exit_code, done.output


async def test_endpoints_outlive_the_agent(tmp_path: Path) -> None:
    """What events said of endpoints is known after a restart, though the events are delivered and gone."""
    with short_home() as home:
        async with opened_portal(tmp_path / "portal") as portal:
            async with agent_in(home) as agent, ControlClient(home.control_socket) as client:
                work = Work(home, portal, agent, client)
                await work.save()
                await work.events("unsuccessful", "cleaned")
                await status_when(client, lambda now: now.status_server.registered_at is not None)
                reply = await client.send_logs()
                while not reply.done:
                    reply = await client.sent(reply.number)
                assert reply.events == 2
            async with agent_in(home), ControlClient(home.control_socket) as client:
                assert [one.hostname for one in (await client.patterns()).unresolved] == ["pc-0"]
