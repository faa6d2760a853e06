"""Events as producers might write them, right and wrong, for hypothesis."""

import json

from hypothesis import strategies as st

from spooling.events import root_cause, threat_event

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *("", "a" * 256, "a" * 257, "a" * 1024, "a" * 1025, "\u00fc" * 256, "C:\\x.exe", "null", '"'),
            *("a\x7fb", "a\u202eb", "a\tb", "\r\n" * 128, "\r\n" * 129, "\ud800", "\U0001f600" * 256),
        ]
    ),
)
ids = st.one_of(
    st.sampled_from(
        ["", "p-1", "-x", "a" * 64, "a" * 65, "a\n", "\u0661", "00:1a:2b:3c:4d:5e\n", "a" * 32, "a" * 129]
    ),
    texts,
)
times = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(
            [
                *(
                    "2026-03-01",
                    "2026-03-01",
                    "0001-01-01",
                    "9999-12-31",
                    "2026-02-29",
                    "2028-02-29",
                    "20260301",
                ),
                *("-2026-03-01", "1970-01-01", "1969-12-31", "2199-12-31", "2200-01-01", "2026-13-01"),
            ]
        ),
        st.sampled_from(["T", "t", " ", "_", ""]),
        st.sampled_from(["08:15:30", "24:00:00", "23:59:60", "08:15", "081530", "8:15:30"]),
        st.sampled_from(["", "", ".", ".5", ".123456", ".123456789", ".1234567890123", ",5"]),
        st.sampled_from(["Z", "z", "+01:00", "-0330", "+23:59", "+24:00", "+01", "", " Z", "-00:00", "Z\n"]),
    ),
)
KEYS = [
    "id",
    "time",
    "hostname",
    "ip",
    "mac",
    "name",
    "severity",
    "status",
    "parent",
    "hash",
    "object",
    "kind",
    "event_type",
    "actor",
    "more",
]
others = st.sampled_from([None, 1, 1.5, True, [], {}, "x", 1_700_000_000, "1700000000"])


@st.composite
def altered_lines(draw):
    """An event as a producer might write it, with some values changed, some keys missing, added or twice."""
    event = draw(st.sampled_from([threat_event(1), threat_event(), root_cause(2), root_cause()]))
    event = json.loads(json.dumps(event))
    parts = [event, event["endpoint"], event.get("threat", event), event.get("chain", [event])[0]]
    changes = st.tuples(
        st.sampled_from(range(len(parts))),
        st.sampled_from(KEYS),
        st.one_of(texts, ids, times, others),
    )
    for place, key, value in draw(st.lists(changes, max_size=3)):
        part = parts[place]
        if draw(st.booleans()) or key in part:
            part[key] = value
    spaces = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : "), (",\r", ":")]))
    raw = json.dumps(event, separators=spaces, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")
    if draw(st.booleans()):
        again = draw(st.sampled_from([b'"status":"exception",', b'"id":"p-9",', b'"kind":"root-cause",']))
        raw = b"{" + again + raw[1:]
    return raw
