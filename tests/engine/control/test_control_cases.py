"""Cases on the control socket: handed in, looked at, given up; refused with the reason, by field."""

import asyncio
import os
from pathlib import Path

import pytest

from agents import LIMIT, status_when
from tm_tui.api.cases import CaseInfo
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.requests import SubmitRequest
from tm_tui.paths import Home


async def settled(client: ControlClient, number: int) -> CaseInfo:
    """Wait until it is not being packed any more."""
    async with asyncio.timeout(LIMIT):
        async for _ in client.status_stream():
            case = await client.case(number)
            if case.state != "packing":
                return case
    raise AssertionError("the stream ended")


async def test_a_case_is_packed_while_sending_is_off(client: ControlClient, tmp_path: Path) -> None:
    """Switched off, a case waits on the appliance; the snapshot and the list say so; `send` says why not."""
    (tmp_path / "dump").write_bytes(os.urandom(1000))
    request = SubmitRequest(paths=(str(tmp_path / "dump"),), endpoint=" pc-17 ", threat="T", form="zip")
    made = await client.submit_case(request)
    assert (made.number, made.state, made.case_id) == (1, "packing", "")
    case = await settled(client, 1)
    assert (case.state, case.endpoint, case.files, case.form) == ("waiting", "pc-17", 1, "zip")
    document = await client.cases()
    assert (document.state, document.cases) == ("disabled", (case,))
    status = await status_when(client, lambda seen: seen.cases.waiting == 1)
    assert (status.cases.state, status.cases.changes > 0) == ("disabled", True)
    with pytest.raises(ControlRefused) as refused:
        await client.send_cases()
    assert (refused.value.status, refused.value.refusal.code) == (409, "disabled")


async def test_each_wrong_field_is_named(client: ControlClient, home: Home, tmp_path: Path) -> None:
    """Paths that cannot be read, texts that are missing or too long: all at once, and nothing is made."""
    paths = (str(home.config), "relative", str(tmp_path / "gone"), "/proc/self/mem", "/a\0b")
    request = SubmitRequest(paths=paths, endpoint=" ", description="x" * 1001)
    with pytest.raises(ControlRefused) as refused:
        await client.submit_case(request)
    assert refused.value.status == 422
    fields = [problem.field for problem in refused.value.refusal.problems]
    assert fields == ["endpoint", "description", *["paths"] * 5]
    assert (await client.cases()).cases == ()


async def test_what_was_chosen_vanishes(client: ControlClient, tmp_path: Path) -> None:
    """A folder that is empty fails as a case with its reason, and can be looked at."""
    (tmp_path / "empty").mkdir()
    await client.submit_case(SubmitRequest(paths=(str(tmp_path / "empty"),), endpoint="pc"))
    case = await settled(client, 1)
    assert case.state == "failed"
    assert case.last_failure is not None
    assert case.last_failure.code == "case-not-packed"
    assert "no file" in case.last_failure.cause


async def test_cancel(client: ControlClient, home: Home, tmp_path: Path) -> None:
    """A cancelled case frees the disk at once; a number that is not there is 404."""
    (tmp_path / "dump").write_bytes(os.urandom(1000))
    await client.submit_case(SubmitRequest(paths=(str(tmp_path / "dump"),), endpoint="pc"))
    await settled(client, 1)
    assert (home.state / "cases" / "000001" / "pack").exists()
    assert (await client.cancel_case(1)).state == "cancelled"
    assert not (home.state / "cases" / "000001" / "pack").exists()
    for call in (client.cancel_case(2), client.case(2)):
        with pytest.raises(ControlRefused) as refused:
            await call
        assert refused.value.status == 404
