"""Pattern Deployment in the console: lists, choice, question, results, and why something is off."""

from typing import Any

import pytest

from face.conftest import SIZES, Console, console_of
from face.scripted import NOON, ScriptedAgent, status
from tm_tui.api.agent import AgentStatus, LastFailure
from tm_tui.api.failures import ControlRefused, Refusal
from tm_tui.api.patterns import (
    DeployerInfo,
    DeploymentInfo,
    DeploymentProgress,
    EndpointInfo,
    EndpointResult,
    PatternInfo,
    PatternsDocument,
    PatternsStatus,
)
from tm_tui.api.requests import DeployRequest

DAMAGED = LastFailure(
    code="pattern-damaged",
    stage="service",
    cause="A pattern from status.example.com:443 is not the one that was signed.",
    remedy="Ask your support provider to issue the pattern again.",
    at=NOON,
)


def pattern(number: int, state: Any = "new", **more: Any) -> PatternInfo:
    return PatternInfo(
        id=number,
        type="bandage",
        version="1.0",
        description=f"Removes WORM.{number}",
        **{"state": state, "received_at": NOON, **more},
    )


def endpoint(name: str) -> EndpointInfo:
    return EndpointInfo(hostname=name, status="unsuccessful", threat="WORM.X", severity="high", since=NOON)


PROGRESS = {"number": 7, "pattern": 41, "endpoints": 3, "deployed": 1, "failed": 1, "retrying": 1}
RUNNING = DeploymentInfo(
    **PROGRESS,
    state="retrying",
    retry_in_seconds=95.0,
    by="admin",
    started_at=NOON,
    results=(
        EndpointResult(hostname="pc-1", state="deployed", cleanup="cleaned", attempts=1, at=NOON),
        EndpointResult(
            hostname="pc-2", state="failed", code="endpoint-failed", detail="No licence.", at=NOON
        ),
        EndpointResult(hostname="pc-3", state="retrying", code="endpoint-unreachable", attempts=2, at=NOON),
    ),
)


class PatternsAgent(ScriptedAgent):
    """Holds patterns, and two endpoints that need one."""

    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.statuses.put_nowait(with_patterns(state="current", newest_id=42, new=1))
        self.shown = PatternsDocument(
            **{
                "state": "current",
                "deploy": "manual",
                "last_check_at": NOON,
                "deployer": DeployerInfo(ready=True, command="/usr/lib/deploy"),
                "patterns": (pattern(42), pattern(41, "deployed")),
                "unresolved": (endpoint("pc-1"), endpoint("pc-2"), endpoint("pc-3")),
                "unresolved_total": 3,
                **more,
            }
        )
        self.deploy_refusal: ControlRefused | None = None

    async def patterns(self) -> PatternsDocument:
        self._alive()
        return self.shown

    async def check_patterns(self) -> PatternsDocument:
        self.requests.append("check")
        return self.shown

    async def deploy_pattern(self, request: DeployRequest) -> DeploymentInfo:
        self.requests.append(request)
        if self.deploy_refusal:
            raise self.deploy_refusal
        self.shown = PatternsDocument(**(self.shown.fields() | {"deployments": (RUNNING,)}))
        return RUNNING


def with_patterns(**more: Any) -> AgentStatus:
    shape = status()
    return type(shape)(**(shape.fields() | {"patterns": PatternsStatus(**more)}))


@pytest.fixture
def patterns() -> PatternsAgent:
    return PatternsAgent()


async def test_deploy_to_marked_endpoints(patterns: PatternsAgent) -> None:
    """A pattern chosen, two endpoints marked, a question, and the results of each endpoint."""
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("Removes WORM.42")
        await console.press("down", "tab", "space", "down", "space", "enter")
        await console.dialog("Pattern 41, bandage 1.0: Removes WORM.41")
        assert "It goes to 2 endpoints" in console.screen_text()
        await console.press("right", "enter")
        await console.sees("Deployment 7 goes on: 1 of 3 deployed, 1 failed, 1 to do.")
        assert patterns.requests == [DeployRequest(pattern=41, endpoints=("pc-1", "pc-3"))]
        await console.sees("Deployment 7, pattern 41: 1 of 3, 1 failed, again in 1 min")
        shown = console.screen_text()
        assert "deployed  cleaned" in shown
        assert "failed    endpoint-failed No" in shown


async def test_custom_cleanup_of_marked_results(patterns: PatternsAgent) -> None:
    """Two results marked, a question that names them, and cleanup alone is asked for."""
    patterns.shown = PatternsDocument(**(patterns.shown.fields() | {"deployments": (RUNNING,)}))
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("endpoint-unreachable")
        await console.press("tab", "tab", "space", "space", "enter")
        await console.dialog("Custom cleanup by pattern 41 is run again on 2 endpoints:")
        assert "pc-2" in console.screen_text()
        await console.press("right", "enter")
        await console.sees("Deployment 7 goes on: 1 of 3 deployed, 1 failed, 1 to do.")
        request = DeployRequest(action="cleanup", pattern=41, endpoints=("pc-1", "pc-2"))
        assert patterns.requests == [request]


async def test_none_marked_is_none_and_a_marks_all(patterns: PatternsAgent) -> None:
    """Nothing goes anywhere before somebody said to whom; all at once is one key, and is said."""
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("Removes WORM.42")
        await console.press("enter")
        question = await console.dialog("No endpoint is marked")
        assert "Removes WORM.42" in question.words
        await console.press("escape")
        assert patterns.requests == []
        await console.press("tab", "a", "a")
        assert "[x]" not in console.screen_text()
        await console.press("a", "enter")
        await console.dialog("It goes to 3 endpoints, all that are named as unresolved.")
        await console.press("escape")
        assert patterns.requests == []
        await console.press("enter")
        await console.dialog("Deploy this pattern?")
        await console.press("right", "enter")
        await console.until(lambda: patterns.requests)
        assert patterns.requests == [DeployRequest(pattern=42, unresolved=True)]


async def test_progress_comes_by_itself(patterns: PatternsAgent) -> None:
    """What the agent does shows without a key: the page asks again when the snapshot says something new."""
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("No deployment yet.")
        patterns.shown = PatternsDocument(**(patterns.shown.fields() | {"deployments": (RUNNING,)}))
        running = DeploymentProgress(**PROGRESS, state="running")
        patterns.statuses.put_nowait(with_patterns(state="current", newest_id=42, new=0, deployment=running))
        await console.sees("Deployment 7, pattern 41: 1 of 3, 1 failed")


async def test_what_stands_in_the_way_is_said(patterns: PatternsAgent) -> None:
    """A refused pattern, a missing deployer and a failure are on the page with cause and remedy."""
    missing = DeployerInfo(ready=False, cause="There is no deployer.toml.", remedy="See docs/deployer.md.")
    refused = pattern(43, "refused", received_at=None, failure=DAMAGED)
    more = {"deployer": missing, "patterns": (refused, pattern(42)), "last_failure": DAMAGED}
    patterns.shown = PatternsDocument(**(patterns.shown.fields() | more))
    patterns.statuses.put_nowait(with_patterns(state="failing", newest_id=42, last_failure=DAMAGED))
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("NOT UP TO DATE")
        await console.sees("There is no deployer.toml.")
        await console.press("enter")
        await console.dialog("issue the pattern again")
        assert patterns.requests == []


async def test_a_refusal_is_told(patterns: PatternsAgent) -> None:
    """What the agent refuses is shown with its reason."""
    refusal = Refusal(code="deployer-missing", cause="There is no deployer.", remedy="Name one.")
    patterns.deploy_refusal = ControlRefused(409, refusal)
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("Removes WORM.42")
        await console.press("tab", "a", "enter")
        await console.dialog("Deploy this pattern?")
        await console.press("right", "enter")
        await console.sees("There is no deployer.")


async def test_off_says_so(patterns: PatternsAgent) -> None:
    """While sending is switched off the page says that nothing is downloaded."""
    patterns.statuses.put_nowait(with_patterns(state="disabled", newest_id=42))
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("OFF. Sending to TMSP is switched off")


async def test_a_viewer_only_looks(patterns: PatternsAgent) -> None:
    """Who may only look sees everything, a cut row too, and no key or button deploys."""
    patterns.role = "read"
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("Removes WORM.42")
        assert "[ Deploy ]" not in console.screen_text()
        await console.press("enter")
        pattern = await console.dialog("Removes WORM.42")
        assert "marked" not in pattern.words
        await console.press("escape", "tab", "enter")
        endpoint = await console.dialog("Endpoint pc-1")
        assert "[ Deploy" not in endpoint.words
        await console.press("escape", "space", "enter")
        await console.sees("You may only look here.")
        assert patterns.requests == []


async def test_the_way_of_deployment_is_saved(patterns: PatternsAgent) -> None:
    """Automatic deployment is switched on after a question, as a revision like any other."""
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("Removes WORM.42")
        await console.press("tab", "tab", "tab", "tab", "tab", "tab", "enter")
        await console.dialog("Change how patterns are deployed?")
        await console.press("right", "enter")
        await console.until(lambda: patterns.requests)
        (request,) = patterns.requests
        assert request.settings["patterns"] == {"deploy": "automatic"}
        assert request.settings["tmsp"]["username"] == "tm01-register"


async def test_looking_costs_little(patterns: PatternsAgent) -> None:
    """A second that brings nothing new repaints no row and asks the agent nothing."""
    asked = 0

    async def counting() -> PatternsDocument:
        nonlocal asked
        asked += 1
        return patterns.shown

    patterns.patterns = counting  # type: ignore[method-assign]
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("Removes WORM.42")
        before = asked
        for _ in range(3):
            patterns.statuses.put_nowait(with_patterns(state="current", newest_id=42, new=1))
            console.clock.second += 1
            await console.pilot.pause(0.02)
        assert asked == before


async def chosen(console: Console, agent: ScriptedAgent) -> None:
    await console.open("Pattern Deploy")
    await console.sees("endpoint-unreachable")
    await console.sees("up to date, looked at")
    await console.press("tab", "space")
    await console.sees("[x] pc-1")


@pytest.mark.parametrize("size", SIZES)
async def test_screen(size: str, pictured: Any) -> None:
    """The page looks as it did when somebody last looked at it."""
    await pictured(PatternsAgent(deployments=(RUNNING,)), chosen, "top page keys", size)


async def test_a_result_opens_whole_and_offers_cleanup(patterns: PatternsAgent) -> None:
    """Enter on a result that the row cuts shows all of it; cleanup there is one key further."""
    patterns.shown = PatternsDocument(**(patterns.shown.fields() | {"deployments": (RUNNING,)}))
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("endpoint-unreachable")
        await console.press("tab", "tab", "down", "enter")
        question = await console.dialog("endpoint-failed")
        assert RUNNING.results[1].detail in question.words
        await console.press("right", "enter")
        await console.dialog("Custom cleanup by pattern 41 is run again on 1 endpoint:")


async def test_an_endpoint_opens_whole_and_offers_the_pattern(patterns: PatternsAgent) -> None:
    """Enter on an endpoint whose row is cut shows all of it; with none marked it may go there alone."""
    async with console_of(patterns.connect) as console:
        await console.open("Pattern Deploy")
        await console.sees("Removes WORM.42")
        await console.press("tab", "down", "enter")
        await console.dialog("Endpoint pc-2")
        await console.press("right", "enter")
        await console.dialog("It goes to 1 endpoint:")
        await console.press("right", "enter")
        await console.until(lambda: patterns.requests)
        assert patterns.requests == [DeployRequest(pattern=42, endpoints=("pc-2",))]
