"""Ten thousand appliances on the pages: small ones, the missing first, filters that find, CSV of the same."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fleets import HOSTILE, MANY, fill
from portals import ANY_APPLIANCE, OpenPortal, ndjson, opened_portal, sealed, threat_event
from test_portal_pages import operator

MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a portal with many appliances; each test has a portal of its own on it."""
    home = tmp_path_factory.mktemp("fleet") / "home"

    async def begin() -> None:
        async with opened_portal(home):
            pass

    asyncio.run(begin())
    fill(home, 200)
    return home


@pytest.fixture
async def fleet(large: Path) -> AsyncIterator[OpenPortal]:
    """It runs."""
    async with opened_portal(large) as portal:
        yield portal


def names(text: str) -> list[str]:
    """The appliances of a page, in its order."""
    return re.findall(
        r'<th scope="row" data-label="Appliance"><a class="keep" href="/portal/products/([a-z0-9-]+)">', text
    )


async def test_pages_stay_small(fleet: OpenPortal) -> None:
    """No page has more than 200 KB, whatever the fleet; the first one begins with the newest silence."""
    async with operator(fleet) as client:
        for path in ("products", "products?page=200", "products?text=tm-0", "endpoints", "endpoints?all=1",
                     "logs", "reports", "cases", "patterns", "alerts", "audit", "removed"):  # fmt: skip
            reply = await client.get(f"/portal/{path}")
            assert (reply.status_code, len(reply.content) < MOST_BYTES) == (200, True), path
        first = (await client.get("/portal/products")).text
    assert names(first)[:2] == ["tm-00199", "tm-00198"]
    assert len(names(first)) == 50
    assert ">200</strong> missing" in first
    assert ">9,800</strong> connected" in first
    assert "page 1 of 200" in first
    assert first.count("<svg") == 4


QUERIES = [
    ("state=missing", 200, "tm-00199"),
    ("state=connected&sort=name", 9800, "tm-00200"),
    ("state=twice", 0, None),
    ("version=1.9", 5000, "tm-00198"),
    ("beat=hour", 9800, "tm-00200"),
    ("beat=-day", 177, "tm-00176"),
    ("beat=-week&state=missing", 33, "tm-00032"),
    ("text=ADMIN-4712%40", 1, "tm-04712"),
    ("text=tm_04", 0, None),
    ("text=%25", 0, None),
    ("sort=waiting", MANY, "tm-09999"),
    ("sort=last", MANY, "tm-00200"),
    ("page=200&sort=name", MANY, "tm-09950"),
    ("page=201&sort=name", MANY, None),
    ("state=nonsense&sort=nonsense&page=-1&beat=nonsense", MANY, "tm-00199"),
]


async def test_what_is_asked_for_is_found(fleet: OpenPortal) -> None:
    """State, age, version, text, order and page stand in the address; the same as CSV is all of it."""
    async with operator(fleet) as client:
        for query, number, first in QUERIES:
            reply = await client.get(f"/portal/products?{query}")
            assert f"{number:,} found" in reply.text, query
            assert (names(reply.text)[:1] or [None]) == [first], query
            taken = await client.get(f"/portal/products.csv?{query}")
            rows = list(csv.DictReader(io.StringIO(taken.text)))
            assert len(rows) == number, query
            if number and "page" not in query:
                assert rows[0]["appliance"] == first, query


async def test_a_spreadsheet_runs_nothing(fleet: OpenPortal) -> None:
    """What begins as a formula would is text, on the page and in the file."""
    async with operator(fleet) as client:
        taken = await client.get("/portal/products.csv?text=tm-04711")
        page = await client.get("/portal/products?text=tm-04711")
    (row,) = csv.DictReader(io.StringIO(taken.text))
    assert row["email"] == f"'{HOSTILE}"
    assert "<script" not in page.text


async def test_one_appliance(home: Path) -> None:
    """Its page says how it stands and what it delivered; the charts have its beats and events by severity."""
    async with opened_portal(home) as portal:
        await portal.register()
        now = datetime.now(UTC)
        events = [threat_event(1, "pc-1", "unsuccessful"), threat_event(2, "pc-2")]
        for event in events:
            event["time"] = (now - timedelta(minutes=1)).isoformat()
        name, packed = sealed(ndjson(*events), ANY_APPLIANCE)
        async with portal.status_server() as client, portal.log_server() as logs:
            from portals import beat

            assert (await client.post("/v1/heartbeat", json=beat(waiting_events=7))).status_code == 200
            assert (await logs.put(f"/logs/{ANY_APPLIANCE}/{name}", content=packed)).status_code == 201
        async with operator(portal) as client:
            async with asyncio.timeout(20):
                while "pc-1" not in (page := await client.get(f"/portal/products/{ANY_APPLIANCE}")).text:
                    pass
                while ": 2 high" not in page.text:
                    page = await client.get(f"/portal/products/{ANY_APPLIANCE}")
            for words in (": 1 beats", ">7</dd>", "unsuccessful", "2 events", "connected"):
                assert words in page.text, words
            for path in (f"endpoints?appliance={ANY_APPLIANCE}", f"logs?appliance={ANY_APPLIANCE}"):
                assert ANY_APPLIANCE in (await client.get(f"/portal/{path}")).text
            assert "pc-1" not in (await client.get("/portal/endpoints?appliance=tm-other")).text
            taken = await client.get("/portal/endpoints.csv?all=1")
            assert {row["hostname"] for row in csv.DictReader(io.StringIO(taken.text))} == {"pc-1", "pc-2"}
            assert (await client.get("/portal/products/tm-nobody")).status_code == 404


async def test_times_in_the_reader_s_zone(home: Path) -> None:
    """Who chooses a zone has all times in it, and is back where the choice was made."""
    async with opened_portal(home) as portal:
        await portal.register()
        async with operator(portal) as client:
            asked = await client.get("/portal/zone?back=/portal/removed")
            token = asked.text.split('name="token" value="')[1].split('"')[0]
            form = {"token": token, "zone": "Asia/Tokyo", "back": "/portal/products"}
            done = await client.post("/portal/zone", data=form)
            assert done.headers["location"] == "/portal/products"
            assert " JST" in (await client.get("/portal/products")).text
            for back in ("https://example.com/", "//example.com", "/portal/\\example.com", "/other"):
                done = await client.post(
                    "/portal/zone", data={"token": token, "zone": "No/Where", "back": back}
                )
                assert done.headers["location"] == "/portal/products"
            assert " JST" not in (await client.get("/portal/products")).text
