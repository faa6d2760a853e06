"""The limits of the log queue as settings: in force when they are saved, and nothing is lost to them."""

import base64
import random
from collections.abc import Iterator
from typing import Any

import pytest

from agents import agent_in, short_home
from spooling.events import line, root_cause
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.paths import Home


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


def limits(**spool: Any) -> SaveRequest:
    """Settings that change nothing but the limits of the log queue."""
    return SaveRequest(settings={"schema": 1, "spool": spool}, secrets=SecretChanges())


def mebibyte(number: int) -> bytes:
    """Events that take a MiB, and nearly as much when they are compressed."""
    chance = random.Random(number)
    step = {"time": "2026-03-01T08:10:00Z", "actor": "a", "action": "b"}
    return b"".join(
        line(
            root_cause(
                100 * number + one,
                chain=[
                    step | {"object": base64.b64encode(chance.randbytes(765)).decode()} for _ in range(20)
                ],
            )
        )
        + b"\n"
        for one in range(50)
    )


async def test_new_limits_are_in_force_when_they_are_saved_and_cost_nothing(home: Home) -> None:
    """A limit below what waits refuses new events; what waits stays, and a higher one takes events again."""
    async with agent_in(home), ControlClient(home.control_socket) as client:
        waiting = 0
        for number in range(26):
            waiting += (await client.add_events(mebibyte(number))).accepted
        before = await client.spool()
        assert before.events == waiting
        assert (before.limit_bytes, before.limit_age_seconds) == (1 << 30, 14 * 86400)

        saved = await client.save(limits(max_mib=16, max_days=2), 0)
        with pytest.raises(ControlRefused, match="its limit is 16 MiB") as refused:
            await client.add_events(mebibyte(98))
        assert refused.value.refusal.code == "spool-full"
        status = await client.status()
        assert (status.spool.events, status.spool.full_percent) == (waiting, 100)
        assert any("its limit is 16 MiB" in alert for alert in status.alerts)

        await client.save(limits(max_mib=28), saved.revision)
        waiting += (await client.add_events(mebibyte(99))).accepted
        status = await client.status()
        assert status.spool.events == waiting
        assert any("% full" in alert for alert in status.alerts)
    async with agent_in(home), ControlClient(home.control_socket) as client:
        after = await client.spool()
        assert (after.events, after.limit_bytes, after.lost) == (waiting, 28 << 20, 0)


@pytest.mark.parametrize("wrong", [{"max_mib": 15}, {"max_mib": 16385}, {"max_days": 0}, {"max_days": "1.5"}])
async def test_a_limit_out_of_bounds_is_refused_by_its_name(home: Home, wrong: dict[str, Any]) -> None:
    """The admin reads which limit is wrong and what is possible; the old one stays in force."""
    async with agent_in(home), ControlClient(home.control_socket) as client:
        with pytest.raises(ControlRefused) as refused:
            await client.save(limits(**wrong), 0)
        assert [problem.field for problem in refused.value.refusal.problems] == [f"spool.{next(iter(wrong))}"]
        assert (await client.spool()).limit_bytes == 1 << 30
