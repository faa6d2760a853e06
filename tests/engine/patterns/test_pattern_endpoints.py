"""The newest mitigation status of each endpoint, whatever events bring and in whatever order."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tm_tui.patterns.endpoints import Endpoints, endpoint_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def line(seq: int, hostname: str, status: str, minutes: float = 0, **more: Any) -> bytes:
    event = {
        "kind": "threat-event",
        "id": f"e{seq}",
        "seq": seq,
        "event_type": "on-demand-scan-by-user",
        "time": (NOW + timedelta(minutes=minutes)).isoformat(),
        "endpoint": {"hostname": hostname},
        "status": status,
        "threat": {"name": "WORM.X", "severity": "high"},
        **more,
    }
    return json.dumps(event).encode()


def known(folder: Path, *lines: bytes, most: int = 5000) -> Endpoints:
    endpoints = Endpoints(folder, most)
    found = [one for raw in lines if (one := endpoint_of(raw, NOW.timestamp())) is not None]
    endpoints.note(found)
    return endpoints


def names(endpoints: Endpoints) -> list[str]:
    return sorted(one.hostname for one in endpoints.unresolved(NOW))


def test_the_newest_counts_in_whatever_order(tmp_path: Path) -> None:
    """By time, then by number; however the name is written it is one endpoint."""
    lines = (line(1, "a", "cleaned", -5), line(2, "A.", "unsuccessful", -9), line(3, "b", "unsuccessful", -9))
    assert names(known(tmp_path, *lines)) == ["b"]
    assert names(known(tmp_path, *reversed(lines))) == ["b"]


def test_a_clock_that_ran_ahead_hides_nothing(tmp_path: Path) -> None:
    """A time after the sealing counts as the sealing."""
    assert names(known(tmp_path, line(1, "a", "cleaned", 900), line(2, "a", "unsuccessful", 0))) == ["a"]


def test_in_progress_for_a_day_is_unresolved(tmp_path: Path) -> None:
    """Nobody hears of its end any more; a younger one is being worked on."""
    lines = (line(1, "a", "in-progress", -25 * 60), line(2, "b", "in-progress", -60))
    assert names(known(tmp_path, *lines)) == ["a"]


BROKEN = [b"", b"{", b"[]", b"null", b'{"seq": 1}', b"\xff\xfe", line(1, "a", "gone"), b'{"endpoint": 5}']


@pytest.mark.parametrize("raw", BROKEN)
def test_what_is_no_threat_event_is_passed_over(raw: bytes) -> None:
    """Root causes, garbage, statuses of later versions."""
    assert endpoint_of(raw, 0.0) is None


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Beyond the limit the resolved ones go first, the oldest of them before the others."""
    lines = [line(n, f"ok-{n}", "cleaned", -n / 100) for n in range(300)]
    lines += [line(n, f"bad-{n}", "unsuccessful", -500) for n in range(50)]
    endpoints = known(tmp_path, *lines, most=100)
    assert len(names(endpoints)) == 50
    assert endpoints.named("ok-0")
    assert not endpoints.named("ok-299")


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    """What was kept comes back; what cannot be read is begun anew."""
    endpoints = known(tmp_path, line(1, "a", "unsuccessful"))
    endpoints.save()
    again = Endpoints(tmp_path)
    again.load()
    assert names(again) == ["a"]
    (tmp_path / "endpoints.json").write_text("{")
    broken = Endpoints(tmp_path)
    broken.load()
    assert names(broken) == []
