"""Values from outside are bounded where they come in, and what puts them into words never raises."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from screens.desk import ages
from tm_tui import spoken
from tm_tui.cases.protocol import CasesReply
from tm_tui.clock import EARLIEST, LATEST, moment_of, within
from tm_tui.reports.protocol import ReportEntry
from tm_tui.status_server.protocol import HeartbeatReply, HeartbeatRequest, RegistrationReply
from tm_tui.values import MOST, Count, Moment, Number, crowded

FAR = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00",
    "1969-12-31T23:59:59Z",
)
"""What databases and languages write for no date, and the ends of what can be written."""

ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.one_of(st.datetimes(), st.datetimes(timezones=ZONES))
NUMBERS = st.one_of(st.floats(), st.integers(-(10**400), 10**400).map(lambda n: n % 10**300))


@pytest.mark.parametrize("text", FAR)
def test_a_portal_may_name_any_date(text: str) -> None:
    """A date of year 1 would otherwise come to the console, which cannot tell it in its own zone."""
    told = RegistrationReply.model_validate_json(
        json.dumps({"appliance": "tm-lab", "registered_at": text, "server_time": text})
    )
    entry = ReportEntry.model_validate_json(
        json.dumps(
            {"id": "a", "kind": "daily", "title": "t", "made_at": text, "bytes": 1, "sha256": "0" * 64}
        )
    )
    reply = HeartbeatReply.model_validate_json(json.dumps({"server_time": text}))
    for moment in (told.registered_at, told.server_time, entry.made_at, reply.server_time):
        assert EARLIEST <= moment <= LATEST
        assert moment.tzinfo is UTC
        assert ages.clock_time(moment) in {"before 1970", "after 2199"}


@given(MOMENTS)
def test_every_date_is_within_the_bounds_and_can_be_told(moment: datetime) -> None:
    """No date that Python can hold may raise where it is bounded, aged or put into words."""
    bounded = TypeAdapter(Moment).validate_python(moment)
    assert EARLIEST <= bounded <= LATEST
    assert TypeAdapter(Moment).validate_json(TypeAdapter(Moment).dump_json(bounded)) == bounded
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    assert bounded == aware or bounded in {EARLIEST, LATEST}
    for words in (ages.clock_time(moment), spoken.local_time(moment), spoken.utc_time(moment)):
        assert 0 < len(words) < 40


@given(st.one_of(NUMBERS, st.just(math.nan), st.just(math.inf)))
def test_every_number_of_seconds_can_be_told(seconds: float) -> None:
    """An age is whatever two clocks make of it; the words stay short and nothing raises."""
    for words in (
        spoken.span(seconds),
        spoken.ago(seconds),
        ages.span(seconds),
        ages.age(seconds),
        ages.elapsed(seconds),
    ):
        assert 0 < len(words) < 40
    assert EARLIEST <= moment_of(seconds) <= LATEST


@pytest.mark.parametrize(
    "text", ["1e400", "-1", "9007199254740992", "9" * 4299, "9" * 100_000, "NaN", "Infinity"]
)
def test_a_number_that_no_reader_of_json_keeps_is_refused(text: str) -> None:
    """Beyond 2^53 two programs read two numbers, and beyond 4,300 digits Python raises."""
    with pytest.raises(ValidationError):
        TypeAdapter(Count).validate_json(text)
    if text not in {"-1", "9007199254740992"}:
        with pytest.raises(ValidationError):
            TypeAdapter(Number).validate_json(text)
    beat = '{"appliance":"tm-lab","version":"1","sent_at":"2026-01-01T00:00:00Z","heartbeat_seconds":5,'
    for field in ('"revision":%s,"uptime_seconds":1', '"revision":1,"uptime_seconds":1,"waiting_events":%s'):
        with pytest.raises(ValidationError):
            HeartbeatRequest.model_validate_json(beat + field % text + "}")


def test_the_largest_count_is_one_that_every_reader_keeps() -> None:
    """What is allowed goes through JSON and back as it is."""
    assert TypeAdapter(Count).validate_json(str(MOST)) == MOST


def test_a_leap_second_is_a_time() -> None:
    """RFC 3339 has 23:59:60; a portal that tells it must not cost the beat."""
    reply = HeartbeatReply.model_validate_json('{"server_time": "2016-12-31T23:59:60Z"}')
    assert reply.server_time == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"server_time": ' + "9" * 100_000 + "}",
        '{"server_time": "2026-01-01T00:00:00Z", "server_time": []}',
        '{"server_time": "\\ud800"}',
        '{"server_time": "2026-01-01T00:00:00+99:99"}',
        '{"server_time": 1e999}',
        '{"server_time": "2026-01-01T00:00:61Z"}',
        "null",
        "",
    ],
)
def test_json_of_any_kind_is_read_or_refused(body: str) -> None:
    """Deep nesting, huge numbers, keys given twice, lone surrogates: refused as one kind of error."""
    for shape in (HeartbeatReply, CasesReply, RegistrationReply):
        with pytest.raises(ValidationError):
            shape.model_validate_json(body)


def test_a_moment_without_a_zone_is_in_utc() -> None:
    """It counts as UTC, never as the zone of whoever reads it."""
    assert within(datetime(2026, 1, 1)) == datetime(2026, 1, 1, tzinfo=UTC)  # noqa: DTZ001  that is the point


def test_things_are_counted_in_words() -> None:
    """One is one, thousands are set apart, and what hisses takes a syllable more."""
    assert [spoken.count(1, "file"), spoken.count(0, "file"), spoken.count(2000, "event")] == [
        "1 file",
        "0 files",
        "2,000 events",
    ]
    assert [spoken.count(1, "batch"), spoken.count(3, "sealed batch")] == ["1 batch", "3 sealed batches"]
    assert [spoken.size(one) for one in (1, 512, 1536)] == ["1 byte", "512 bytes", "1.5 KiB"]


@pytest.mark.parametrize(
    ("text", "many"),
    [
        (b'["a", "b", "c"]', False),
        (b'{"words": "[[[{{{,,, \\", still, {a}, string"}', False),
        (b'{"a": [1, 2, 3, 4]}', True),
        (b"[[[[[[", True),
        (b'{"a": "' + b"[,{" * 1000, False),
        (b'"' * 1001 + b",[{" * 10, False),
        (b"\\" * 1001 + b",[{" * 10, True),
    ],
)
def test_what_stands_in_a_string_is_no_part_of_a_document(text: bytes, many: bool) -> None:
    """A long note with commas is taken; thousands of keys are not, and none of it is read to say so."""
    assert crowded(text, 4) is many
