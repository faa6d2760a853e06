"""What is accepted, what is refused, and what is repaired at intake."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spooling.events import line, root_cause, threat_event
from tm_tui.spool.events import EVENT_TYPES, SOURCES, STATUSES, event_schema
from tm_tui.spool.intake import MOST_LINE_BYTES, BadLine, check_line, numbered
from tm_tui.text import safe_text

SCHEMA = Path(__file__).parents[3] / "docs" / "events.schema.json"


def test_the_published_schema_is_the_one_in_force():
    """A producer that follows docs/events.schema.json is understood (write it anew with `make schema`)."""
    assert json.loads(SCHEMA.read_text()) == event_schema()


@pytest.mark.parametrize("event", [threat_event(1), root_cause(2)])
def test_an_event_goes_out_as_it_came_in(event):
    """Nothing of an event is changed or left out on the way."""
    kind, body, given_id = check_line(line(event))
    assert json.loads(body) == event
    assert (kind, given_id) == (event["kind"], event["id"])


@pytest.mark.parametrize(
    "more", [b'"status":"exception",', b'"status":null,', b'"endpoint":{"hostname":"x"},']
)
def test_a_key_that_stands_twice_is_settled_at_intake(more):
    """What we checked is what every later reader sees: no second value hides behind the first."""
    raw = line(threat_event(1)).replace(b'{"id"', b"{" + more + b'"id"')
    body = check_line(raw).body
    assert json.loads(body, object_pairs_hook=list) == json.loads(
        json.dumps(json.loads(body)), object_pairs_hook=list
    )
    assert json.loads(body) == threat_event(1)


def test_an_event_without_id_gets_one_of_its_own():
    """Two equal events without ids are two events."""
    first, second = (json.loads(check_line(line(threat_event())).body)["id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("name", [*EVENT_TYPES])
def test_every_type_of_the_product_is_taken(name):
    """No kind of entry that the product knows is refused."""
    check_line(line(threat_event(event_type=name)))


@pytest.mark.parametrize(
    "changes", [{"source": one} for one in SOURCES] + [{"status": one} for one in STATUSES]
)
def test_every_source_and_status_is_taken(changes):
    """No outcome of a mitigation is refused."""
    check_line(line(threat_event(**changes)))


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
        (b"[" * 60_000, "JSON"),
        (b'{"kind":"threat-event","id":' + b"[" * 60_000, "JSON"),
        (b" " * (MOST_LINE_BYTES + 1), "bytes"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(bad, reason):
    """The one who sends events learns what is wrong with which field, without the value being repeated."""
    with pytest.raises(BadLine, match=reason):
        check_line(bad)


def test_bad_lines_have_their_number_and_the_others_go_on():
    """One broken line in a thousand costs that one line."""
    good, bad = numbered([b"{", line(threat_event(1)), b"", b"nonsense", line(threat_event(2))])
    assert [number for number, _ in good] == [2, 5]
    assert [one.line for one in bad] == [1, 4]


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
    name = json.loads(check_line(raw).body)["threat"]["name"]
    assert "\ufffd" in name
    assert name == safe_text(name)


@given(st.text(max_size=200))
def test_any_text_is_safe_or_refused(text):
    """Whatever stands in an event, what is kept can be shown."""
    try:
        body = check_line(line(threat_event(threat={"name": text, "severity": "low"}))).body
    except BadLine:
        assert not text or len(text) > 256
    else:
        name = json.loads(body)["threat"]["name"]
        assert name == safe_text(name, 1000)
        assert b"\n" not in body


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_bad_line(data):
    """No line of bytes ends the agent."""
    with pytest.raises(BadLine):
        check_line(data)
