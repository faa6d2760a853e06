"""Draw the pictures of the portal's pages in docs/portal.md: a fleet with troubles, in a real browser.

Run it from the project's root: `.venv/bin/python docs/draw_portal.py`. Each picture shows a page at the width
of a desktop and of a phone, light and dark. `--look FOLDER` writes larger ones there instead, as PNG.
"""

import asyncio
import base64
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "engine" / "portal")]
from portals import OpenPortal, ndjson, opened_portal, sealed  # noqa: E402

from e2e.browser import Browser, browser  # noqa: E402 - beside the tests' helpers, on purpose
from tm_tui.portal import audit, tables, trends  # noqa: E402
from tm_tui.portal.database import opened  # noqa: E402

TUS = {"tus-resumable": "1.0.0"}
PICTURES = ROOT / "docs" / "pictures"
ONE, FULL = "tm-berlin-03", "tm-cork-08"
CITIES = (
    "berlin",
    "bremen",
    "cork",
    "dublin",
    "essen",
    "gdansk",
    "graz",
    "kiel",
    "lyon",
    "porto",
    "turin",
    "wien",
)
MISSING = {"tm-kiel-05": 0.2, "tm-berlin-03": 3.0, "tm-porto-11": 40.0, "tm-turin-02": 400.0}
"""Hours since the last beat."""
THREATS = (
    ("TROJ_DOWNLD.KA", "high", "cleaned"),
    ("WORM_SPREAD.AB", "critical", "unsuccessful"),
    ("ADW_POPUP.X", "low", "cleaned"),
    ("RTKT_HIDE.C", "critical", "manual-cleanup-needed"),
    ("HKTL_SCAN.B", "medium", "cleaned"),
)
PAGES = {
    "logon": "logon",
    "products": "products",
    "appliance": f"products/{ONE}",
    "remove": f"products/{ONE}/remove",
    "removed": "removed",
    "alerts": "alerts",
    "endpoints": "endpoints",
    "logs": "logs",
    "reports": "reports",
    "report": "reports",
    "cases": "cases",
    "case": "cases/C-000003",
    "patterns": "patterns",
    "issue": f"patterns/issue?appliance={ONE}",
    "audit": "audit",
    "retention": "retention",
    "accounts": "accounts",
    "account": "accounts/one?name=ann",
    "password": "password",
    "zone": "zone",
}
"""Each page by the name of its picture."""
WIDTHS = {"desktop": (1180, 860), "phone": (390, 860)}


def products(now: float) -> Iterator[dict[str, Any]]:
    """A hundred and eighty appliances, as they stand."""
    for number in range(180):
        name = f"tm-{CITIES[number % 12]}-{number // 12 + 1:02}"
        age = MISSING.get(name, (number * 7 % 290) / 3600) * 3600
        yield {
            "appliance": name,
            "product": "Threat Mitigator",
            "version": ("2.0.1", "2.0.1", "2.0.0", "1.9.4")[number % 4],
            "edition": ("on-premise", "off-premise")[number % 5 == 0],
            "email": f"security-{CITIES[number % 12]}@example.com",
            "account": "registering-user" if name == ONE else f"branch-{CITIES[number % 12]}",
            "heartbeat_seconds": 300,
            "registered_at": now - 86400 * (200 - number),
            "updated_at": now - age,
            "beats": 0 if number == 100 else 5000,
            "last_beat_at": None if number == 100 else now - age,
            "revision": number % 9 + 1,
            "uptime_seconds": 86400.0 * (number % 40) + 4000,
            "waiting_events": 48_113 if name in MISSING else 140_212 if name == FULL else number * 7 % 400,
            "clock_skew_seconds": (0.1, -0.4, 2.1, 95.0)[number % 4],
        }


def days(connection: Connection, now: datetime) -> None:
    """Two weeks of beats, events, issues and silence."""
    today = now.astimezone().date().toordinal()
    names = [row["appliance"] for row in products(now.timestamp())]
    for back in range(30):
        day = today - back
        beats = [
            {"appliance": name, "day": day, "beats": 288 - (at * 13 + back * 7) % 40}
            for at, name in enumerate(names)
            if not (name == ONE and back in {4, 5})
        ]
        connection.execute(insert(tables.beat_days), beats)
        threats = [
            {"appliance": names[at * 5 % 180] if at else ONE, "day": day,
             "threat": f"{threat}{at}", "severity": severity,
             "hostname": f"pc-{at:03}", "events": 3 + (back * 11 + at * 7) % (9 + at)}
            for at, (threat, severity, _) in enumerate(THREATS * 2)
        ]  # fmt: skip
        connection.execute(insert(tables.day_threats), threats)
        told = {day: sum(row["beats"] for row in beats)}
        standing = trends.Standing(180, (4, 3, 1, 2)[back % 4], 12 + (back * 5) % 9, told)
        trends.put(connection, standing, now - timedelta(days=back))


def said(connection: Connection, now: datetime) -> None:
    """What alerts, operators and commands left."""
    at = now.timestamp()
    for kind, subject, since, ended, detail in (
        ("silent", "tm-turin-02", 400, None, ""),
        ("silent", "tm-wien-09", 90, 88, ""),
        ("queue-full", FULL, 60, None, "140,212 events wait"),
        ("silent", "tm-porto-11", 40, None, ""),
        ("clone", "tm-graz-04", 20, 9, "from 192.0.2.17 and 198.51.100.4"),
        ("silent", ONE, 110, 96, ""),
        ("silent", ONE, 3, None, ""),
    ):
        began = at - since * 3600
        row = {
            "kind": kind,
            "subject": subject,
            "since": began,
            "detail": detail,
            "noted_at": began,
            "told_at": began,
        }
        if ended:
            row |= dict.fromkeys(("ended_at", "end_noted_at", "end_told_at"), at - ended * 3600)
        connection.execute(insert(tables.alerts), row)
    for instance, address, age in (("one", "192.0.2.17", 9000), ("two", "198.51.100.4", 4000)):
        row = {"appliance": "tm-gdansk-06", "instance": instance, "address": address, "first_at": at - age}
        connection.execute(insert(tables.instances), row | {"last_at": at - 30})
    connection.execute(
        insert(tables.removals), {"appliance": "tm-oslo-01", "removed_at": at - 5e5, "removed_by": "ann"}
    )
    for hours, who, what, subject in (
        (120, "ann", "product-removed", "tm-oslo-01"),
        (70, "command", "operator-added", "rob: read-only"),
        (26, "a name that nobody has", "logon-failed", "312 times, the last from 203.0.113.77"),
        (5, "ann", "case-downloaded", "C-000002"),
        (4, "ann", "pattern-issued", "1: bandage, all appliances, Removes RTKT_HIDE.C"),
        (3, "ann", "case-changed", "C-000002: sample-downloaded, pattern 1"),
    ):
        audit.note(connection, (who, "192.0.2.40"), what, subject, now - timedelta(hours=hours))


async def delivered(portal: OpenPortal, now: datetime) -> None:
    """Logs and cases of one appliance, as it sends them."""
    events = [
        {"seq": seq, "kind": "threat-event", "id": f"e{seq}",
         "time": (now - timedelta(minutes=71 * seq)).isoformat(),
         "endpoint": {"hostname": f"till-{seq % 23:02}.branch.example.net", "ip": f"192.0.2.{seq % 200 + 1}"},
         "event_type": "on-demand-scan-by-administrator", "source": "on-demand-scan", "status": status,
         "threat": {"name": threat, "severity": severity}}
        for seq in range(1, 40)
        for threat, severity, status in (THREATS[seq % 5],)
    ]  # fmt: skip
    async with portal.log_server() as client:
        for first in range(0, 39, 8):
            name, packed = sealed(ndjson(*events[first : first + 8]), ONE, first + 1)
            (await client.put(f"/logs/{ONE}/{name}", content=packed)).raise_for_status()
    async with portal.status_server() as client:
        for number, (threat, _, _) in enumerate(THREATS[:4]):
            about = {"appliance": ONE, "filename": "a.tar.zst", "key": f"key-{number:05}", "threat": threat}
            about |= {"endpoint": f"till-{number + 3:02}.branch.example.net"}
            about |= {"description": "Comes back after each cleaning; see the dump of the loader."}
            pairs = ",".join(
                f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in about.items()
            )
            size = 1000 + 7_000_00 * number
            new = {**TUS, "upload-length": str(size), "upload-metadata": pairs}
            where = (await client.post("/v1/cases/", headers=new)).headers["location"]
            kind = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
            (await client.patch(where, content=b"x" * size, headers={**TUS, **kind})).raise_for_status()


async def filled(portal: OpenPortal) -> None:
    """A fleet that one likes to look at, as its operators have it."""
    now = datetime.now(UTC)
    with opened(portal.home / "portal.sqlite3") as connection:
        rows = [*products(now.timestamp())]
        connection.execute(insert(tables.products), rows)
        owned = [{"appliance": row["appliance"], "account": row["account"]} for row in rows]
        connection.execute(insert(tables.appliances), owned)
        days(connection, now)
    await delivered(portal, now)
    fix = portal.home.with_name("fix")
    fix.write_bytes(b"fix" * 9000)
    for words in (
        *(("account", "add", f"branch-{city}") for city in CITIES),
        ("operator", "add", "ann", "--role", "analyst"),
        ("operator", "add", "rob"),
        ("pattern", "issue", str(fix), "--type", "bandage", "--description", "Removes RTKT_HIDE.C"),
        (
            "pattern",
            "issue",
            str(fix),
            "--type",
            "controlled",
            "--description",
            "Finds WORM_SPREAD.AB",
            "--appliance",
            ONE,
        ),
        ("report", "make", "daily", "--appliance", ONE),
    ):
        done = await asyncio.to_thread(portal.command, *words, stdin="four grey geese flew\n")
        if done.returncode:
            sys.exit(done.stderr)
    with opened(portal.home / "portal.sqlite3") as connection:
        said(connection, now)


def look(page: Browser, dark: bool, size: tuple[int, int]) -> bytes:
    """The top of the page as it is, as PNG."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    about = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", about)
    return base64.b64decode(page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])


def views(page: Browser) -> dict[str, bytes]:
    """The page as it is, at both widths, light and dark."""
    return {
        f"{name}-{'dark' if dark else 'light'}": look(page, dark, size)
        for dark in (False, True)
        for name, size in WIDTHS.items()
    }


def sheet(page: Browser, found: dict[str, bytes], scale: float, **form: Any) -> bytes:
    """All views of a page on one sheet."""
    shown = "".join(
        f'<img src="data:image/png;base64,{base64.b64encode(one).decode()}">' for one in found.values()
    )
    width = sum(one for one, _ in WIDTHS.values()) + 48
    look(page, False, (width, 2 * WIDTHS["phone"][1] + 48))
    look_of = "margin: 0; padding: 16px; display: flex; flex-wrap: wrap; gap: 16px; background: #808890"
    body = f'<body style="{look_of}">{shown}</body>'
    page.driver.get("about:blank")
    page.driver.execute_script("document.documentElement.innerHTML = arguments[0]", body)
    page.driver.execute_async_script(
        "Promise.all([...document.images].map(one => one.decode())).then(() => arguments[0]())"
    )
    clip = {"x": 0, "y": 0, "width": width, "height": 2 * WIDTHS["phone"][1] + 48, "scale": scale}
    about = {**form, "clip": clip, "captureBeyondViewport": True}
    return base64.b64decode(page.driver.execute_cdp_cmd("Page.captureScreenshot", about)["data"])


def drawn(portal: OpenPortal, folder: Path, look_at: Path | None) -> None:
    """Walk through all pages."""
    base = f"https://127.0.0.1:{portal.ready['status_server']['port']}/portal"
    with browser(folder) as page:
        for name, path in PAGES.items():
            page.driver.get(f"{base}/{path}")
            if name == "report":
                page.find("main table a").click()
            found = views(page)
            if look_at:
                (look_at / f"{name}.png").write_bytes(sheet(page, found, 1.0, format="png"))
            else:
                picture = sheet(page, found, 0.7, format="webp", quality=60)
                (PICTURES / f"portal-{name}.webp").write_bytes(picture)
            if name == "logon":
                page.driver.get(f"{base}/logon")
                page.fill("username", portal.operator[0])
                page.fill("password", portal.operator[1])
                page.press("Log on")
                page.sees("Registered Products")


async def main() -> None:
    """Draw all."""
    look_at = Path(sys.argv[2]) if sys.argv[1:2] == ["--look"] else None
    with tempfile.TemporaryDirectory(prefix="tm") as folder:
        async with opened_portal(Path(folder) / "home") as portal:
            await filled(portal)
            await asyncio.to_thread(drawn, portal, Path(folder), look_at)


if __name__ == "__main__":
    asyncio.run(main())
