"""The published schema and intake are one rule: what one takes the other takes, whoever reads the schema."""

import json
import re

import pytest
from hypothesis import example, given, settings
from jsonschema import Draft202012Validator

from spooling.altered import altered_lines, times
from spooling.events import line, root_cause, threat_event
from tm_tui.spool.events import TIME_FORM, event_schema
from tm_tui.spool.intake import check_lines
from tm_tui.spool.quick_check import quick_events

VALIDATOR = Draft202012Validator(event_schema())


def taken(raw):
    """Whether intake takes this line."""
    return bool(check_lines([raw]).events)


def test_the_schema_is_one():
    """It holds to the rules of JSON Schema itself."""
    Draft202012Validator.check_schema(event_schema())


@settings(max_examples=600)
@given(altered_lines())
def test_schema_and_intake_agree_on_every_event(raw):
    """A producer that checks its events by the schema has none refused, and none too many."""
    try:
        event = json.loads(raw)
    except ValueError:
        assert not taken(raw)
        return
    assert VALIDATOR.is_valid(event) == taken(raw), raw


@given(times)
@example("2026-02-29T08:15:30Z")
@example("2028-02-29T08:15:30Z")
@example("2100-02-29T08:15:30Z")
@example("2026-04-31T08:15:30Z")
@example("2026-03-01t08:15:30z")
@example("2026-03-01T08:15:30Z\n")
@example("1969-12-31T23:59:59Z")
@example("2199-12-31T23:59:59.999999999+23:59")
@example("2200-01-01T00:00:00Z")
def test_schema_and_intake_agree_on_every_time(time):
    """A date that no calendar has is found by the schema too."""
    event = threat_event(1, time=time)
    assert VALIDATOR.is_valid(event) == taken(line(event)), time


@pytest.mark.parametrize("time", [1_700_000_000, 1.5, "1700000000", True, None, "2026-03-01T08:15:30"])
@pytest.mark.parametrize("make", [threat_event, root_cause])
def test_a_time_is_text_with_an_offset(time, make):
    """Seconds since 1970, or local time, would mean another moment to the next reader."""
    event = make(1, time=time)
    assert not taken(line(event))
    assert not VALIDATOR.is_valid(event)
    if make is root_cause:
        event = root_cause(1, chain=[{**root_cause()["chain"][0], "time": time}])
        assert not taken(line(event))
        assert not VALIDATOR.is_valid(event)


def test_times_are_those_of_the_calendar():
    """The form knows the days of each month, in leap years too, as the calendar has them."""
    from datetime import UTC, datetime

    form = re.compile(TIME_FORM).fullmatch
    for year in (1970, 1972, 1996, 1999, 2000, 2004, 2026, 2028, 2096, 2099, 2100, 2104, 2196, 2199):
        for month in range(14):
            for day in range(33):
                try:
                    datetime(year, month, day, tzinfo=UTC)
                except ValueError:
                    expected = False
                else:
                    expected = True
                assert bool(form(f"{year}-{month:02}-{day:02}T00:00:00Z")) is expected


@pytest.mark.parametrize("sign", ["\t", "\r", "\n", "\r\n", "\x00", "\x7f", "\u202e", "\u200b", "\ud800"])
@pytest.mark.parametrize("field", ["name", "hostname", "actor", "action", "object", "parent"])
def test_each_text_keeps_its_length_with_every_unsafe_character_as_one_sign(sign, field):
    """As docs/events.md says: U+FFFD, for a tab and a line end too, in whichever text it stands."""
    text, safe = f"a{sign}b", f"a{len(sign) * chr(0xFFFD)}b"
    if field in {"name", "hostname"}:
        changes = {"threat": {"name": text, "severity": "low"}, "endpoint": {"hostname": text}}
        event = threat_event(1, **changes)
    else:
        event = root_cause(1, chain=[{**root_cause()["chain"][0], field: text}])
    assert VALIDATOR.is_valid(event)
    kept = json.loads(check_lines([line(event)]).events[0].body)
    found = {**kept["endpoint"], **kept.get("threat", {}), **kept.get("chain", [{}])[0]}
    assert found[field] == safe


def strings(node):
    """Every regular expression of a schema."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key == "pattern" and isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            yield from strings(value)


def test_patterns_are_portable():
    """No validator stumbles: nothing but what JSON Schema recommends (Core, 6.4) stands in a pattern."""
    patterns = set(strings(event_schema()))
    assert patterns
    for pattern in patterns:
        assert pattern.isascii()
        assert not re.search(r"\(\?|\\(?![.n])|[*+}]\?", pattern), pattern


@given(altered_lines())
def test_both_readers_agree(raw):
    """What the quick reader takes is what the models would take; what it leaves to them they judge alone."""
    if quick_events([raw]) is not None:
        assert VALIDATOR.is_valid(json.loads(raw))
