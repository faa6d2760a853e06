"""Whatever appliances send, the portal's lists, pages and reports can be made of it."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from portals import ANY_APPLIANCE, ndjson, registration, sealed
from sqlalchemy import Connection

from hostile.values import DATES, TEXTS, Hostile
from tm_tui.markdown_rows import rows_of
from tm_tui.portal import endpoints, products, reading
from tm_tui.portal.cases import Case
from tm_tui.portal.database import opened
from tm_tui.portal.endpoints import Endpoint
from tm_tui.portal.fleet import SINCE, Counts, FleetQuery
from tm_tui.portal.index import IndexedBatch
from tm_tui.portal.pages.drawing import drawn
from tm_tui.portal.pages.page import Shown
from tm_tui.portal.pages.reports import _rendered
from tm_tui.portal.products import Product
from tm_tui.portal.reports import incidents, making, shelf
from tm_tui.portal.sessions import Session
from tm_tui.reports.protocol import MOST_REPORT_BYTES, ReportEntry
from tm_tui.status_server.protocol import HeartbeatRequest, RegistrationRequest
from tm_tui.text import is_safe, safe_text

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
FEW = settings(
    max_examples=12, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True
)


def event(random: Random, seq: int) -> dict[str, Any]:
    """An event as no agent of ours would send it; parts that are missing are missing at random."""

    def text() -> str:
        return random.choice(TEXTS).encode("utf-8", "replace").decode()[:3000]

    chain = [
        {"time": random.choice(DATES), "actor": text(), "action": text(), "object": text(), "hash": text()}
        for _ in range(random.choice((0, 1, 9)))
    ]
    common = {
        "seq": seq,
        "id": f"e{seq}",
        "time": random.choice(DATES),
        "endpoint": {"hostname": text() or "x"},
    }
    if random.random() < 0.5:
        return {**common, "kind": "root-cause", "threat_event_id": f"e{seq - 1}", "chain": chain}
    threat = {"name": text(), "severity": random.choice(("critical", "low", text()))}
    words = {"event_type": text(), "source": text(), "status": random.choice(("unsuccessful", text()))}
    return {**common, "kind": "threat-event", "threat": threat, **words}


def full(connection: Connection, random: Random, folder: Path) -> None:
    """An appliance that registered, beats, and has sent odd events."""
    hostile = Hostile(random)
    wanted = {**registration(ANY_APPLIANCE), "email": random.choice(TEXTS), "version": random.choice(TEXTS)}
    products.register(
        connection, RegistrationRequest.model_validate(wanted), "account", NOW - timedelta(days=100)
    )
    products.beat(connection, hostile.shape(HeartbeatRequest, appliance=ANY_APPLIANCE), NOW)
    events = [event(random, seq) for seq in range(1, 60)]
    name, packed = sealed(ndjson(*events))
    (folder / name).write_bytes(packed)
    with (folder / name).open("rb") as file:
        for portion in reading.portions(file, NOW):
            reading.keep(connection, ANY_APPLIANCE, portion, NOW.timestamp(), UTC)


@FEW
@given(st.integers(0, 2**32))
def test_lists_and_reports_can_be_made_of_whatever_came(seed: int) -> None:
    """A producer's odd date must not cost the operator the list, nor the admin the weekly report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with opened(folder / "portal.sqlite3") as connection:
            full(connection, Random(seed), folder)
            assert [one.appliance for one in products.listed(connection, NOW)] == [ANY_APPLIANCE]
            for one in endpoints.listed(connection, NOW, every=True):
                assert is_safe(one.hostname)
            while incidents.make_incidents(connection, NOW, wait=False, zone=UTC) is not None:
                pass
            making.make_due(connection, NOW, UTC)
            making.make_so_far(connection, "weekly", NOW, zone=UTC)
            found = shelf.listed(connection)
            assert found
            for entry in found:
                text = shelf.text_of(connection, entry.id)
                assert text is not None
                assert len(text.encode()) <= MOST_REPORT_BYTES
                assert is_safe(text)
                html = str(_rendered(text))
                assert "<script" not in html
                assert "javascript:" not in html.replace("javascript:z)", "")
                for row in rows_of(text, 80):
                    assert is_safe(row.text)


@FEW
@given(st.integers(0, 2**32))
def test_pages_show_whatever_is_kept(seed: int) -> None:
    """Each list of the operator's pages is drawn of extremes, and nothing in it is markup."""
    random = Random(seed)
    hostile = Hostile(random)
    several: dict[str, dict[str, Any]] = {
        "products.html": {
            "products": [hostile.shape(Product) for _ in range(5)],
            "counts": Counts(1, 2, 3, 4),
            "query": FleetQuery.of(
                {"text": random.choice(TEXTS), "version": random.choice(TEXTS), "page": "3"}
            ),
            "versions": [safe_text(text) for text in random.sample(TEXTS, 3)],
            "since": tuple(SINCE),
            "charts": (),
            "number": 205,
            "last_page": 5,
            "removed": 2,
        },
        "cases.html": {
            "cases": [hostile.shape(Case) for _ in range(5)],
            "following": "",
            "appliance": ANY_APPLIANCE,
        },
        "case.html": {"case": hostile.shape(Case), "statuses": (), "patterns": ()},
        "logs.html": {
            "batches": [hostile.shape(IndexedBatch) for _ in range(5)],
            "following": None,
            "appliance": ANY_APPLIANCE,
        },
        "endpoints.html": {
            "endpoints": [hostile.shape(Endpoint) for _ in range(5)],
            "every": True,
            "unread": 0,
            "following": "",
            "after": "",
            "appliance": ANY_APPLIANCE,
        },
        "reports.html": {
            "reports": [
                SimpleNamespace(**dict(hostile.shape(ReportEntry)), appliance=ANY_APPLIANCE) for _ in range(5)
            ],
            "appliance": ANY_APPLIANCE,
            "following": "",
        },
    }
    session = Session("key", "operator", "admin", "token", "", stale=False)
    around: dict[str, Any] = {"session": session, "words": "", "here": "", "navigation": ()}
    around |= {"zone": "", "path": "/portal/products"}
    for template, values in several.items():
        html = bytes(drawn(Shown(template, values), **around).body).decode()
        assert "<script" not in html
        assert "\x1b" not in html
