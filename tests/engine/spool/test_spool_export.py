"""CEF, LEEF and CSV: whatever stands in an event, a reader gets it back whole and nothing else."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spooling.events import line, root_cause, threat_event
from tm_tui.spool.export import CSV_COLUMNS, to_cef, to_csv, to_leef, writer_for
from tm_tui.spool.intake import check_lines

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


def kept(event):
    """The event as the spool would hand it out."""
    events, *_ = check_lines([line(event)])
    return json.loads(events[0].body) | {"seq": 7} if events else None


def read_cef(text):
    """A reader of CEF as its specification wants it: header by unescaped pipes, then key=value."""
    *head, rest = re.split(r"(?<!\\)(?:\\\\)*\|", text, maxsplit=7)
    pairs = re.findall(r"(\w+)=((?:\\.|[^=\\])*?)(?= \w+=|$)", rest)
    unescape = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r"}
    return head, {key: re.sub(r"\\.", lambda found: unescape[found[0]], value) for key, value in pairs}


@given(texts)
def test_cef_gives_names_back_whole(name):
    r"""A threat named `a|b=c\d` reaches the collector under this name, and adds no field."""
    event = kept(threat_event(1, threat={"name": name, "severity": "critical"}))
    if event is None:
        return
    text = to_cef(event)
    head, fields = read_cef(text)
    assert "\n" not in text
    assert head[0] == "CEF:0"
    assert len(head) == 7
    assert fields["cs2"] == event["threat"]["name"]
    assert fields["externalId"] == "p-1"
    assert set(fields) == {
        *("rt", "externalId", "shost", "src", "smac", "cat", "act", "cs1", "cs1Label"),
        *("cs2", "cs2Label", "cn1", "cn1Label"),
    }


@given(texts)
def test_leef_stays_one_line_with_its_fields(name):
    """No tab or line end in a value can forge a field."""
    event = kept(threat_event(1, threat={"name": name, "severity": "low"}))
    if event is None:
        return
    head, _, rest = to_leef(event).rpartition("|x09|")
    fields = dict(pair.split("=", 1) for pair in rest.split("\t"))
    assert head.startswith("LEEF:2.0|TMSP|Threat Mitigator|")
    assert fields["threat"] == event["threat"]["name"]
    assert fields["seq"] == "7"


@given(texts)
def test_csv_is_read_back_and_is_no_formula(name):
    """A spreadsheet shows the name and calculates nothing."""
    event = kept(threat_event(1, threat={"name": name, "severity": "low"}))
    if event is None:
        return
    (row,) = csv.reader(io.StringIO(to_csv(event)))
    cell = dict(zip(CSV_COLUMNS, row, strict=True))["threat_name"]
    assert not cell.startswith(("=", "+", "-", "@"))
    assert cell.removeprefix("'") == event["threat"]["name"].removeprefix("'")


@pytest.mark.parametrize("form", ["ndjson", "cef", "leef", "csv"])
def test_root_causes_go_out_with_their_chain(form):
    """The chain of events is in every format."""
    text = writer_for(form).line(line(kept(root_cause(1))))
    assert "explorer.exe" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("ip", "fields"),
    [
        ("192.0.2.17", {"src": "192.0.2.17"}),
        ("2001:db8::17", {"c6a2": "2001:db8::17", "c6a2Label": "Source IPv6 Address"}),
        ("::ffff:192.0.2.17", {"c6a2": "::ffff:192.0.2.17", "c6a2Label": "Source IPv6 Address"}),
        ("999.1.1.1", {"cs5": "999.1.1.1", "cs5Label": "ip"}),
        (None, {}),
    ],
)
def test_cef_has_an_address_under_the_key_of_its_kind(ip, fields):
    """A collector that knows the dictionary takes `src` for IPv4 only, and what it cannot read is dropped."""
    event = kept(
        threat_event(1, endpoint={"hostname": "pc", "mac": "00-1A-2B-3C-4D-5E"} | ({"ip": ip} if ip else {}))
    )
    _, found = read_cef(to_cef(event))
    addresses = {
        key: value for key, value in found.items() if key in {"src", "c6a2", "c6a2Label", "cs5", "cs5Label"}
    }
    assert addresses == fields
    assert found["smac"] == "00:1A:2B:3C:4D:5E"


@pytest.mark.parametrize("form", ["cef", "leef", "csv", "ndjson"])
@pytest.mark.parametrize(
    "time", ["2026-03-01t08:15:30z", "0001-01-01T00:00:00+23:59", "2026-03-01 08:15:30Z"]
)
def test_a_time_of_an_earlier_version_ends_no_export(form, time):
    """What an older agent accepted may wait still; it is exported all the same."""
    assert "pc-0001" in writer_for(form).line(line(threat_event(1, time=time, seq=7)))
