"""A deployer that hangs, floods, crashes or prints garbage: bounded, told, tried again, nothing left over."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from patterning.deploying import LIMIT, deploying, fill, left_of, target, until, write_deployer
from tm_tui.patterns.deployer_process import run_deployer
from tm_tui.patterns.deployer_protocol import DeployerFailure, deployer_in
from tm_tui.patterns.deployment_record import Deployment, Plan
from tm_tui.patterns.pattern import Pattern

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IDS = """read -r request
ids=$(printf '%s' "$request" | grep -o '"id": "[0-9]*"' | grep -o '[0-9]*')
"""
ALL_DEPLOYED = IDS + """for id in $ids; do echo '{"id": "'$id'", "outcome": "deployed"}'; done"""

BAD: dict[str, tuple[str, str]] = {
    "hangs": ("sleep 600", "deployer-timeout"),
    "hangs with a child": ("sleep 600 & sleep 600", "deployer-timeout"),
    "floods": ("yes '{}'", "deployer-output"),
    "prints one endless line": ("tr '\\0' x </dev/zero", "deployer-output"),
    "prints garbage for ever": (
        "while :; do printf '\\033]0;evil\\007\\377\\n' 2>/dev/null || exit; done",
        "deployer-output",
    ),
    "prints garbage": ("printf 'hello\\n[1]\\n{\"id\": 7}\\n'", "deployer-incomplete"),
    "says nothing": ("exit 0", "deployer-incomplete"),
    "crashes": ("kill -SEGV $$", "deployer-crashed"),
    "fails": ("echo 'no licence' >&2; exit 3", "deployer-crashed"),
    "floods its errors": ("yes >&2", "deployer-timeout"),
    "closes its input": ("exec <&-; exit 1", "deployer-crashed"),
    "answers for others": (
        """echo '{"id": "77", "outcome": "deployed"}'; echo '{"id": "-1", "outcome": "deployed"}'""",
        "deployer-incomplete",
    ),
}


@pytest.mark.parametrize("how", BAD)
async def test_a_bad_deployer_is_ended_and_told(tmp_path: Path, how: str) -> None:
    """The endpoint fails with the code when the time is over, an event says so, and no process stays."""
    script, code = BAD[how]
    write_deployer(tmp_path / "config", f"echo $$ >>{tmp_path}/pids\n{script}", seconds=1, give_up_seconds=1)
    async with deploying(tmp_path) as it:
        done = await it.deploy("pc-1")
        assert (done.results[0].state, done.results[0].code) == ("failed", code), done.results
        assert [event["status"] for event in await it.events()] == ["unsuccessful"]
        pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
        assert pids
        assert [name for pid in pids for name in left_of(pid)] == []


async def test_one_that_makes_it_fail_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A deployer that dies over one endpoint deploys to all others: they are tried one by one."""
    script = (
        IDS
        + """for id in $ids; do [ $id = 1 ] && exit 9
        echo '{"id": "'$id'", "outcome": "deployed"}'; done"""
    )
    write_deployer(tmp_path / "config", script, give_up_seconds=2)
    async with deploying(tmp_path) as it:
        done = await it.deploy("pc-0", "pc-1", "pc-2", "pc-3")
        assert [done.results[n].state for n in range(4)] == ["deployed", "failed", "deployed", "deployed"]
        assert done.attempts[0] == 1


async def test_results_become_events_and_unreachable_ones_are_tried_again(tmp_path: Path) -> None:
    """Deployed, failed and at first unreachable: each has its events, once, with what the deployer said."""
    script = (
        IDS
        + f"""for id in $ids; do case $id in
        0) echo '{{"id": "0", "outcome": "deployed", "cleanup": "resolved-potentially"}}';;
        1) echo '{{"id": "1", "outcome": "failed", "detail": "No licence.\\u001b[2J"}}';;
        2) if [ -e {tmp_path}/seen ]; then echo '{{"id": "2", "outcome": "deployed"}}'
           else touch {tmp_path}/seen; echo '{{"id": "2", "outcome": "unreachable"}}'; fi;;
    esac; done"""
    )
    write_deployer(tmp_path / "config", script)
    async with deploying(tmp_path) as it:
        done = await it.deploy("pc-0", "pc-1", "pc-2")
        assert done.attempts == {0: 1, 1: 1, 2: 2}
        assert "\x1b" not in done.results[1].detail
        told = [(e["endpoint"]["hostname"], e["event_type"], e["status"]) for e in await it.events()]
        assert sorted(told) == [
            ("pc-0", "custom-pattern-deployment", "assessed"),
            ("pc-0", "post-assessment-cleanup", "resolved-potentially"),
            ("pc-1", "custom-pattern-deployment", "unsuccessful"),
            ("pc-2", "custom-pattern-deployment", "assessed"),
            ("pc-2", "post-assessment-cleanup", "cleaned"),
        ]
        assert {event["source"] for event in await it.events()} == {"tmsp"}


async def test_an_endpoint_that_stays_away_is_given_up(tmp_path: Path) -> None:
    """After the time for retries it counts as failed, and the log says so."""
    script = IDS + """for id in $ids; do echo '{"id": "'$id'", "outcome": "unreachable"}'; done"""
    write_deployer(tmp_path / "config", script, give_up_seconds=1)
    async with deploying(tmp_path) as it:
        done = await it.deploy("pc-0")
        assert (done.results[0].state, done.results[0].code) == ("failed", "endpoint-unreachable")
        assert done.attempts[0] >= 3


async def test_what_the_command_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pattern's file, the endpoint and nothing else: a clean environment, no shell, no open files."""
    monkeypatch.setenv("TM_TUI_SECRET", "canary")
    script = f"""cat >{tmp_path}/request; env | sort >{tmp_path}/env; pwd >{tmp_path}/pwd
        ls /proc/self/fd >{tmp_path}/fds; echo '{{"id": "0", "outcome": "deployed"}}'"""
    write_deployer(tmp_path / "config", script)
    async with deploying(tmp_path) as it:
        await it.deploy('pc-0"; touch /tmp/x; "')
    request = (tmp_path / "request").read_text()
    assert request.count("\n") == 1
    told = json.loads(request)
    assert told["pattern"]["file"] == str(it.store.folder / it.pattern.content)
    assert told["endpoints"] == [
        {"id": "0", "hostname": 'pc-0"; touch /tmp/x; "', "threat": "WORM.X", "severity": "high"}
    ]
    assert (tmp_path / "env").read_text().split() == ["LANG=C.UTF-8", f"PATH={PATH}", "PWD=/"]
    assert (tmp_path / "pwd").read_text() == "/\n"
    assert set((tmp_path / "fds").read_text().split()) <= {"0", "1", "2", "3"}


async def test_a_damaged_file_is_never_deployed(tmp_path: Path) -> None:
    """A pattern that the disk has altered reaches no endpoint, and that is no event of the endpoint."""
    write_deployer(tmp_path / "config", f"touch {tmp_path}/ran; {ALL_DEPLOYED}", give_up_seconds=1)
    async with deploying(tmp_path) as it:
        (it.store.folder / it.pattern.content).write_bytes(b"altered    ")
        done = await it.deploy("pc-0", "pc-1")
        assert {result.code for result in done.results.values()} == {"deployer-no-pattern"}
        assert not (tmp_path / "ran").exists()
        assert it.store.patterns == {}
        assert it.missing.is_set()
        assert await it.events() == []
        assert it.ended == []


async def test_a_pattern_that_comes_again_is_deployed(tmp_path: Path) -> None:
    """The deployment waits for the pattern to be fetched again, then does what it was begun for, once."""
    write_deployer(tmp_path / "config", ALL_DEPLOYED, retry_seconds=600)
    async with deploying(tmp_path) as it:
        (it.store.folder / it.pattern.content).unlink()
        one = await it.service.begin(it.pattern, [target("pc-0")], "admin")
        await asyncio.wait_for(it.missing.wait(), LIMIT)
        again = fill(it.store)
        assert again.deployed_at is not None, "or it would be deployed by itself once more"
        it.service.arrived([again.id])
        assert (await it.end_of(one)).results[0].state == "deployed"
        assert [event["status"] for event in await it.events()] == ["assessed", "cleaned"]


async def test_without_a_deployer_nothing_is_told_of_endpoints(tmp_path: Path) -> None:
    """Given up as no deployer came: no threat event says that a mitigation at the endpoint failed."""
    plan = Plan(
        number=1,
        uid="u",
        pattern=Pattern(id=1, type="bandage", version="1.0"),
        by="admin",
        started_at=datetime.now(UTC) - timedelta(days=2),
        targets=(target("pc-0"),),
    )
    Deployment.begin(tmp_path / "deployments", plan)
    async with deploying(tmp_path) as it:
        one = await it.service.find(1)
        assert one is not None
        await it.end_of(one)
        assert one.results[0].code == "deployer-missing"
        assert await it.events() == []
        assert it.ended == []


async def test_the_deployer_may_come_later(tmp_path: Path) -> None:
    """A deployment whose deployer has vanished waits for it, and says so."""
    write_deployer(tmp_path / "config", ALL_DEPLOYED)
    async with deploying(tmp_path) as it:
        file = tmp_path / "config" / "deployer.toml"
        held = file.rename(file.with_name("away"))
        with pytest.raises(DeployerFailure) as refused:
            await it.deploy("pc-0")
        assert refused.value.code == "deployer-missing"
        held.rename(file)
        assert (await it.deploy("pc-0")).results[0].state == "deployed"


async def test_stopping_takes_the_command_with_it(tmp_path: Path) -> None:
    """The agent's end ends the deployer and its children."""
    script = f"sleep 600 & echo $$ >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; wait"
    write_deployer(tmp_path / "config", script)
    async with deploying(tmp_path) as it:
        await it.service.begin(it.pattern, [target("pc-0")], "admin")
        await until((tmp_path / "pid").exists)
    group = int((tmp_path / "pid").read_text())
    await until(lambda: left_of(group) == [])  # killed, but a child of the command is not ours to wait for


@pytest.mark.parametrize("turns", range(3, 9))
async def test_stopping_in_the_middle_of_the_start_does_so_too(tmp_path: Path, turns: int) -> None:
    """The command may be at work before the loop has heard of it: then too none of its children is left."""
    pid = tmp_path / "pid"
    script = f"sleep 600 & echo $$ >{tmp_path}/new; mv {tmp_path}/new {pid}; wait"
    write_deployer(tmp_path / "config", script)
    running = asyncio.create_task(run_deployer(deployer_in(tmp_path / "config"), b"{}", 1, AsyncMock()))
    for _ in range(turns):
        await asyncio.sleep(0)
    end = time.monotonic() + LIMIT
    while not pid.exists():  # the loop must not turn
        assert time.monotonic() < end
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: left_of(int(pid.read_text())) == [])


FILES = {
    "no toml": "argv = [",
    "no argv": "seconds = 5",
    "a relative command": 'argv = ["deploy"]',
    "an unknown key": 'argv = ["/bin/true"]\nshell = true',
    "a text as argv": 'argv = "/bin/sh -c id"',
    "endless time": 'argv = ["/bin/true"]\nseconds = 1e99',
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_that_is_not_right_is_refused(tmp_path: Path, content: str) -> None:
    """What is not of the documented form names no deployer."""
    file = tmp_path / "deployer.toml"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(DeployerFailure) as refused:
        deployer_in(tmp_path)
    assert refused.value.code == "deployer-unusable"


def test_a_file_that_others_may_change_is_refused(tmp_path: Path) -> None:
    """Whoever may write the file could run programs: group and others must not."""
    file = tmp_path / "deployer.toml"
    file.write_text('argv = ["/bin/true"]')
    file.chmod(0o664)
    with pytest.raises(DeployerFailure) as refused:
        deployer_in(tmp_path)
    assert refused.value.code == "deployer-unusable"
    file.chmod(0o644)
    assert deployer_in(tmp_path).argv == ("/bin/true",)
    file.rename(tmp_path / "real")
    file.symlink_to(tmp_path / "real")
    with pytest.raises(DeployerFailure):
        deployer_in(tmp_path)


async def test_the_first_question_after_a_start_waits_for_what_was(tmp_path: Path) -> None:
    """Whoever asks before earlier deployments are read is not told that there are none."""
    async with deploying(tmp_path) as it:
        write_deployer(tmp_path / "config", ALL_DEPLOYED)
        number = (await it.deploy("pc-0")).plan.number
    async with deploying(tmp_path) as it:
        found = await it.service.find(number)
        assert found is not None
        assert found.done
        assert await it.service.find(number + 1) is None
