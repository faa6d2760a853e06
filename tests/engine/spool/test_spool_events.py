"""What is accepted, what is refused, and what is repaired at intake."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spooling.events import line, root_cause, threat_event
from tm_tui.spool.events import EVENT_TYPES, SOURCES, STATUSES, event_schema
from tm_tui.spool.intake import MOST_LINE_BYTES, check_lines
from tm_tui.text import safe_text


def checked(raw):
    """The one event that a line is."""
    (event,), _, rejected, _ = check_lines([raw])
    assert not rejected
    return event


SCHEMA = Path(__file__).parents[3] / "docs" / "events.schema.json"


def test_the_published_schema_is_the_one_in_force():
    """A producer that follows docs/events.schema.json is understood."""
    assert json.loads(SCHEMA.read_text()) == event_schema()


@pytest.mark.parametrize("event", [threat_event(1), root_cause(2)])
def test_an_event_goes_out_as_it_came_in(event):
    """Nothing of an event is changed or left out on the way."""
    found = checked(line(event))
    assert json.loads(found.body) == event
    assert (found.kind, found.given) == (event["kind"], event["id"])


@pytest.mark.parametrize(
    "more", [b'"status":"exception",', b'"status":null,', b'"endpoint":{"hostname":"x"},']
)
def test_a_key_that_stands_twice_is_settled_at_intake(more):
    """What we checked is what every later reader sees: no second value hides behind the first."""
    raw = line(threat_event(1)).replace(b'{"id"', b"{" + more + b'"id"')
    body = checked(raw).body
    assert json.loads(body, object_pairs_hook=list) == json.loads(
        json.dumps(json.loads(body)), object_pairs_hook=list
    )
    assert json.loads(body) == threat_event(1)


def test_an_event_without_id_gets_one_of_its_own():
    """Two equal events without ids are two events."""
    first, second = (json.loads(checked(line(threat_event())).body)["id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("name", [*EVENT_TYPES])
def test_every_type_of_the_product_is_taken(name):
    """No kind of entry that the product knows is refused."""
    checked(line(threat_event(event_type=name)))


@pytest.mark.parametrize(
    "changes", [{"source": one} for one in SOURCES] + [{"status": one} for one in STATUSES]
)
def test_every_source_and_status_is_taken(changes):
    """No outcome of a mitigation is refused."""
    checked(line(threat_event(**changes)))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{", "no JSON"),
        (b"[1]", "object"),
        (b'{"kind": "x"}', "neither threat-event nor root-cause"),
        (line(threat_event(status="gone")), "status"),
        (line(threat_event(time="yesterday")), "time"),
        (line(threat_event(time="2026-03-01T08:00:00")), "time"),
        (line(threat_event(surprise=1)), "surprise"),
        (line(threat_event(id="-x y")), "id"),
        (line(threat_event(endpoint={"hostname": "a" * 300})), "endpoint.hostname"),
        (line(root_cause(chain=[])), "chain"),
        (line(root_cause(threat_event_id=None)), "threat_event_id"),
        pytest.param(b"[" * 60_000, "JSON", id="deep"),
        pytest.param(b'{"kind":"threat-event","id":' + b"[" * 60_000, "JSON", id="deep-inside"),
        pytest.param(b"x" * (MOST_LINE_BYTES + 1), "bytes", id="long"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(bad, reason):
    """The one who sends events learns what is wrong with which field, without the value being repeated."""
    events, _, (rejected,), _ = check_lines([bad])
    assert not events
    assert reason in rejected.reason


def test_bad_lines_have_their_number_and_the_others_go_on():
    """One broken line in a thousand costs that one line."""
    lines = [b"{", line(threat_event(1)), b"", b"nonsense", line(threat_event(2))]
    events, numbers, rejected, _ = check_lines(lines)
    assert [event.given for event in events] == ["p-1", "p-2"]
    assert numbers == [2, 5]
    assert [one.line for one in rejected] == [1, 4]


@pytest.mark.parametrize(
    "raw",
    [
        line(threat_event(threat={"name": "a\x1b]0;owned\x07b", "severity": "low"})),
        line(threat_event(threat={"name": "NAME", "severity": "low"})).replace(b"NAME", b"caf\xe9"),
        line(threat_event(threat={"name": "NAME", "severity": "low"})).replace(b"NAME", b"\\ud800"),
        line(threat_event(threat={"name": "evil\u202etxt.exe", "severity": "low"})),
    ],
)
def test_hostile_text_is_made_harmless_and_kept(raw):
    """A virus that names itself after a terminal escape is still reported, and moves no admin's cursor."""
    name = json.loads(checked(raw).body)["threat"]["name"]
    assert "\ufffd" in name
    assert name == safe_text(name)


def test_a_chain_with_nothing_but_hostile_links_is_kept():
    """Where every link needs repair the event is repaired all the same, not refused as an empty chain."""
    link = {**root_cause()["chain"][0], "object": "x\x1b]0;y\x07"}
    taken = check_lines([line(root_cause(1, chain=[link]))])
    assert not taken.rejected
    assert json.loads(taken.events[0].body)["chain"][0]["object"] == "x\ufffd]0;y\ufffd"


@given(st.text(max_size=200))
def test_any_text_is_safe_or_refused(text):
    """Whatever stands in an event, what is kept can be shown."""
    events, _, rejected, _ = check_lines([line(threat_event(threat={"name": text, "severity": "low"}))])
    if rejected:
        assert not text or len(text) > 256
    for event in events:
        name = json.loads(event.body)["threat"]["name"]
        assert name == safe_text(name, 1000)
        assert b"\n" not in event.body


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_bad_line(data):
    """No line of bytes ends the agent."""
    events, _, rejected, _ = check_lines([data])
    assert not events
    assert len(rejected) == (not data.isspace() and data != b"")
