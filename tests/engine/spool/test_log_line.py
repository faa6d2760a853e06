"""The reader of log lines: it reads all that intake takes, and nothing that comes makes it fail."""

import json
import math
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hostile.values import DATES, TEXTS
from spooling.altered import altered_lines
from spooling.events import root_cause, threat_event
from tm_tui.clock import EARLIEST, LATEST
from tm_tui.patterns.endpoints import endpoint_of
from tm_tui.portal.endpoints import mark_of
from tm_tui.portal.reports.reader import Rows
from tm_tui.spool.intake import check_lines
from tm_tui.spool.log_line import LoggedCause, LoggedThreat, json_object, logged, steps

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
_ODD = (
    *TEXTS,
    *DATES,
    None,
    True,
    -1,
    0,
    1 << 62,
    (1 << 62) - 1,
    10**40,
    1e308,
    [],
    {},
    [[]],
    "low",
    "cleaned",
)


def with_seq(body: bytes) -> bytes:
    return b'{"seq":7,' + body.lstrip()[1:]


@given(altered_lines())
def test_what_intake_takes_is_read(raw: bytes) -> None:
    """An event that was accepted and sealed is in the agent's list, in the portal's, and in reports."""
    for event in check_lines([raw]).events:
        read = logged(with_seq(event.body))
        assert read is not None
        written = json.loads(event.body)
        assert (read.id, read.seq, read.endpoint.hostname) == (
            written["id"],
            7,
            written["endpoint"]["hostname"],
        )
        rows = Rows()
        rows.add(read, NOW)
        if isinstance(read, LoggedThreat):
            listed = endpoint_of(with_seq(event.body), NOW)
            assert listed is not None
            assert (listed.at, listed.status) == (mark_of(read, NOW).at, written["status"])
        else:
            (row,) = rows.root_causes
            assert len(steps(row["chain"])) == len(written["chain"])


@st.composite
def hostile_lines(draw: st.DrawFn) -> bytes:
    """An event of which any members are missing or have values that no agent of ours would write."""
    random = Random(draw(st.integers(0, 2**32)))
    event = draw(st.sampled_from([threat_event(1), root_cause(2)])) | {"seq": 1}
    parts = [event, event["endpoint"], event.get("threat", event), event.get("chain", [event])[0]]
    for _ in range(draw(st.integers(1, 3))):
        part = random.choice(parts)
        name = random.choice([*part, "later"])
        if random.random() < 0.2:
            part.pop(name, None)
        else:
            part[name] = random.choice(_ODD)
    return json.dumps(event).encode()


@given(st.one_of(hostile_lines(), st.binary(max_size=60)))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"9" * 100_000)
@example(b'{"kind":"threat-event"}' + b" " * (1 << 20))
@example(b"\xef\xbb\xbf{}")
@example(b"NaN")
def test_whatever_comes_is_read_within_bounds_or_passed_over(raw: bytes) -> None:
    """A log that holds nonsense costs its reader that line, and nothing else."""
    read = logged(raw)
    assert (endpoint_of(raw, NOW) is not None) <= isinstance(read, LoggedThreat)
    if read is None:
        return
    assert 0 <= read.at(NOW) <= NOW
    assert math.isfinite(read.moment.timestamp())
    assert EARLIEST <= read.moment <= LATEST
    assert 0 < len(read.endpoint.hostname) <= 256
    assert 0 <= read.seq < 1 << 62
    rows = Rows()
    rows.add(read, NOW)
    if isinstance(read, LoggedCause):
        assert steps(rows.root_causes[0]["chain"])
    else:
        assert mark_of(read, NOW).event is read


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
        ("2026-01-01t00:00:00.5z", "2026-01-01T00:00:00.500000+00:00"),
        ("0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59-12:00", "2200-01-01T00:00:00+00:00"),
    ],
)
def test_odd_times_are_read(time: str, moment: str) -> None:
    """A leap second, small letters, the ends of the calendar: the event is listed, not passed over."""
    read = logged(threat_event(1) | {"seq": 1, "time": time})
    assert read is not None
    assert read.moment.isoformat() == moment


@pytest.mark.parametrize(
    "change",
    [
        *({"time": time} for time in ("2026-01-01T00:00:00", "yesterday", "20260101T000000Z", 1_700_000_000)),
        *({"seq": seq} for seq in (-1, 1 << 62, True, "7", None, 1.5)),
        *({"kind": kind} for kind in ("later-kind", "root-cause", None)),
        *({"id": text} for text in ("", "x" * 65, None)),
        {"endpoint": {"hostname": "x" * 257}},
        {"threat": {"name": "x", "severity": ""}},
        {"status": "gone"},
    ],
)
def test_what_the_protocol_says_is_passed_over(change: dict[str, object]) -> None:
    """Agent, list and reports leave out the same lines."""
    assert logged(threat_event(1) | {"seq": 1} | change) is None


def test_later_versions_may_say_more() -> None:
    """A member or a severity that is not known yet hides no endpoint whose mitigation failed."""
    event = threat_event(1, threat={"name": "X", "severity": "extreme", "more": 1}) | {"seq": 1, "later": [1]}
    assert isinstance(logged(event), LoggedThreat)
    assert json_object(b"[1]") is None
