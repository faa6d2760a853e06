"""When to try again: one object, one table of what each failure's code means for it."""

import ast
import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clock import FakeClock
from tm_tui.errors import StorageFailed
from tm_tui.link.failures import FAILURES, LinkFailure, failure
from tm_tui.link.trying_again import CODES, DAY, HOUR, When, meaning_of
from tm_tui.link.types import Endpoint
from tm_tui.retry import DISK, SELDOM, SLOWLY, USUAL, Pace, Retry

ROOT = Path(__file__).parent.parent.parent / "tm_tui"
DISK_FULL = StorageFailed("The disk is full.", "Make room.")
chances = st.floats(0, 1, exclude_max=True)
paces = st.sampled_from([USUAL, SELDOM, DISK, SLOWLY, Pace.around(5.0), Pace.around(28800.0)])
codes = st.sampled_from(sorted(CODES))


def made(code: str, retry_after: float | None = None) -> LinkFailure:
    """A failure of this code."""
    return failure(code, "service", Endpoint("status.example.com", 443), retry_after=retry_after)


def test_every_code_says_when_to_try_again() -> None:
    """A new failure code needs a decision: soon, slowly, or who has to do something first."""
    assert set(FAILURES) == CODES
    assert {meaning_of(code).when for code in CODES} == set(When)


def test_refused_credentials_pause_wherever_they_were_refused() -> None:
    """A password that is repeated locks the account, that of a server by HTTP or SSH, or of a proxy."""
    for code in ("http-auth-refused", "ssh-auth-refused", "proxy-auth", "ssh-password-expired"):
        assert meaning_of(code).pauses
        assert meaning_of(code).ends_with_a_beat
    assert not meaning_of("ca-unusable").ends_with_a_beat


@given(pace=paces, chance=chances)
def test_bounds_grow_and_have_an_end(pace: Pace, chance: float) -> None:
    """With the same chance no wait is shorter than the one before, and none is beyond the longest."""
    waits = [pace.wait(failures, lambda: chance) for failures in range(1, 60)]
    assert waits == sorted(waits)
    assert 0 <= waits[0] <= min(pace.first * 1.1, pace.longest)
    assert max(waits) <= pace.longest


@given(failures=st.integers(1, 10_000), chance=chances, first=st.floats(0.1, 600))
def test_jitter_stays_within_a_tenth(failures: int, chance: float, first: float) -> None:
    """A fleet spreads, and nobody waits another order of time than was meant."""
    wait = Pace.around(first).wait(failures, lambda: chance)
    meant = min(600.0, first * 2.0 ** min(failures - 1, 16))
    assert 0.899 * meant <= wait <= min(600.0, 1.101 * meant)


@given(failures=st.integers(1, 10_000))
def test_full_jitter_uses_the_whole_wait(failures: int) -> None:
    """Of a thousand appliances that lost one server some come at once, some late."""
    assert USUAL.wait(failures, lambda: 0.0) == 0
    assert USUAL.wait(failures, lambda: 0.999) == pytest.approx(
        0.999 * min(300, 2.0 ** min(20, failures - 1))
    )


@given(code=codes, asked=st.floats(0, 1e9), chance=chances)
def test_what_the_peer_asks_is_kept_to_up_to_an_hour(code: str, asked: float, chance: float) -> None:
    """Nobody comes before a server said, and no server can silence us for a day."""
    wait = Retry(FakeClock(), lambda: chance).failed(made(code, asked))
    assert wait >= min(asked, HOUR)
    if not meaning_of(code).pauses:
        assert wait <= HOUR


@given(failed=st.lists(codes, min_size=1, max_size=30), chance=chances)
def test_success_begins_anew(failed: list[str], chance: float) -> None:
    """However long a row of failures was: after a success the next one is the first."""
    retry = Retry(FakeClock(), lambda: chance)
    for count, code in enumerate(failed, 1):
        retry.failed(made(code))
        assert retry.count == count
        assert retry.last is not None
        assert (retry.last.code, retry.last.count) == (code, count)
        assert retry.paused == meaning_of(code).pauses
    retry.succeeded()
    assert (retry.last, retry.problem, retry.count, retry.left(), retry.paused) == (None, None, 0, 0, False)
    assert retry.failed(made("tcp-refused")) <= 1


@given(code=codes, chance=chances)
def test_nothing_is_given_up_for_good(code: str, chance: float) -> None:
    """Whatever was refused is tried by itself within a day, all but one thing within little over an hour."""
    clock = FakeClock()
    retry = Retry(clock, lambda: chance)
    wait = max(retry.failed(made(code)) for _ in range(40))
    assert wait <= (1.1 * DAY if code == "http-foreign-address" else 1.1 * HOUR)
    clock.suspend(wait + 1)
    assert retry.left() == 0
    assert not retry.paused


def test_something_that_came_through_begins_the_waits_anew() -> None:
    """A large upload that is cut now and then is not waited for as if nothing ever went through."""
    retry = Retry(FakeClock(), lambda: 0.999)
    for _ in range(9):
        retry.failed(made("reply-closed"))
    retry.moved()
    assert retry.last is not None, "it still stands in the status"
    assert retry.last.count == 9
    assert retry.failed(made("reply-closed")) < 1


def test_what_goes_on_by_itself_heeds_no_refusal() -> None:
    """Beats go on whatever is refused: an accepted one tells all others that it is over."""
    retry = Retry(FakeClock(), lambda: 0.999, heeds=False)
    assert retry.failed(made("http-auth-refused")) < 1
    assert not retry.refused
    assert not retry.paused


def test_a_beat_says_nothing_of_settings_or_of_another_address() -> None:
    """What no credentials decide is not tried with each beat."""
    clock = FakeClock()
    for code in ("ca-unusable", "http-foreign-address", "tcp-refused"):
        retry = Retry(clock, lambda: 0.5)
        retry.failed(made(code))
        clock.suspend(1)
        assert not retry.beat_accepted()


def test_a_failure_is_written_down_once(caplog: pytest.LogCaptureFixture) -> None:
    """A server that is down for a week costs a line, not thousands; another failure is another line."""
    retry = Retry(FakeClock(), lambda: 0.5, log=logging.getLogger("tm_tui.test"), disk="spool")
    for code in ("tcp-refused", "tcp-refused", "http-busy", "http-busy"):
        retry.failed(made(code), "It failed")
    retry.failed(DISK_FULL, "It failed")
    said = [line.partition(")")[0] for line in caplog.messages]
    assert said == ["It failed (tcp-refused", "It failed (http-busy", "It failed (storage"]
    assert retry.last is not None
    assert retry.last.stage == "spool"


def _is_two(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and repr(node.value) == "2.0"


GROWS = re.compile(r"[A-Z_]*(BACKOFF|RETRY|LONGEST_WAIT|LONGEST_ASKED)[A-Z_]*")
ELSEWHERE = {"refusals.py": {"_RETRY_SECONDS"}}
"""What we ask of our own clients."""


def test_nobody_else_decides_when_to_try_again() -> None:
    """No other module has constants or sums of its own for waiting longer and longer."""
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        if file.name in {"retry.py", "trying_again.py"} or "portal" in file.parts:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _is_two(node.left):
                found.append(f"{file.name}:{node.lineno} counts powers")
            if isinstance(node, ast.ImportFrom) and node.module == "tm_tui.retry":
                found += [
                    f"{file.name} imports {one.name}" for one in node.names if one.name == "full_jitter"
                ]
        for node in tree.body:
            if isinstance(node, ast.Assign):
                names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
                odd = {name for name in names if GROWS.fullmatch(name)} - ELSEWHERE.get(file.name, set())
                found += [f"{file.name} has {name}" for name in sorted(odd)]
    assert found == []
