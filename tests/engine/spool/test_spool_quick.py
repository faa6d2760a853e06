"""The quick check of usual lines: never more lenient than the models, and used for what usually comes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spooling.altered import altered_lines
from spooling.events import line, root_cause, threat_event
from tm_tui.spool.events import EVENT
from tm_tui.spool.intake import check_lines
from tm_tui.spool.quick_check import quick_events


def _without_twins(pairs):
    assert len(dict(pairs)) == len(pairs), "a key stands twice"
    return dict(pairs)


@given(st.lists(altered_lines(), min_size=1, max_size=3))
def test_what_the_quick_check_takes_the_models_take_with_the_same_content(lines):
    """A line that goes the short way is one that the long way would have taken as it stands."""
    for event, raw in zip(quick_events(lines) or [], lines, strict=False):
        written = json.loads(raw, object_pairs_hook=_without_twins)
        model = EVENT.validate_json(raw)
        assert model.model_dump(mode="json", exclude_none=True) == EVENT.validate_python(written).model_dump(
            mode="json", exclude_none=True
        )
        assert (event.kind_, event.id or None) == (model.kind, model.id)
        assert event.time == model.time == written["time"]
        assert b"\r" not in raw


@pytest.mark.parametrize("make", [threat_event, root_cause])
def test_usual_lines_go_the_short_way(make):
    """What producers usually send, Windows paths and umlauts too, is checked together and kept as written."""
    endpoint = {"hostname": "b\u00fcro-3", "ip": "192.0.2.7"}
    lines = [line(make(number, endpoint=endpoint)) for number in range(50)]
    plain = [json.dumps(json.loads(raw), ensure_ascii=False).encode() for raw in lines]
    assert quick_events(plain) is not None
    assert [event.body for event in check_lines(plain).events] == plain


def test_one_odd_line_does_not_change_what_becomes_of_the_others():
    """Whether lines come alone or together, each is judged alike."""
    lines = [line(threat_event(1)), b"nonsense", line(threat_event(2, id="p-2\u0020")), line(root_cause(3))]
    together = check_lines(lines)
    alone = [check_lines([raw]) for raw in lines]
    assert [event.body for event in together.events] == [one.events[0].body for one in alone if one.events]
    assert [bad.reason for bad in together.rejected] == [bad.reason for one in alone for bad in one.rejected]


def test_a_line_that_is_cut_in_two_is_no_event():
    """Two lines that are one object when put together stay two bad lines."""
    raw = line(threat_event(1))
    events, _, rejected, _ = check_lines([raw[:40], raw[40:], raw + raw, raw + b" " + raw])
    assert not events
    assert len(rejected) == 4
