"""Every page and table for an operator, on both engines, over what an appliance or operator may have said."""

import base64
import csv
import io
import json
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from portals import ANY_APPLIANCE, OpenPortal, beat, ndjson, opened_portal, sealed, told, with_settings
from sqlalchemy import insert, update
from test_portal_hostile import event
from test_portal_pages import operator

from hostile.values import TEXTS
from tm_tui.clock import SystemClock
from tm_tui.portal import audit, tables
from tm_tui.portal.database import opened
from tm_tui.portal.pages.site import page_routes

FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1")
SAID = (*(text.encode("utf-8", "replace").decode() for text in TEXTS), *FORMULAS, "x" * 10_000)
TIMES = (0.0, 1.0, 4102444800.0, 7258118400.0)
UNSEEN = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f\u202a\u202e\u2066\u2069"]
UNSAFE = [sign for sign in UNSEEN if sign not in "\n\r\t"]
REMOVED = "tm-removed"


async def delivered(portal: OpenPortal, random: Random) -> None:
    """Two appliances, one of them removed; beats, events and cases, as no agent of ours says them."""
    for appliance in (ANY_APPLIANCE, REMOVED):
        reply = await portal.register(appliance, email=random.choice(SAID), version=random.choice(SAID))
        assert reply.status_code == 201
    events = [event(random, seq) for seq in range(1, 60)]
    async with portal.log_server() as client:
        for kind in ("threat-event", "root-cause"):
            name, packed = sealed(ndjson(*(one for one in events if one["kind"] == kind)))
            assert (await client.put(f"/logs/{ANY_APPLIANCE}/{name}", content=packed)).status_code == 201
    async with portal.status_server() as client:
        told_of = beat(version=random.choice(SAID), waiting_events=10**15, uptime_seconds=1e15)
        assert (await client.post("/v1/heartbeat", json=told_of)).status_code in {200, 400, 422}
        for number, text in enumerate(SAID):
            about = {"appliance": ANY_APPLIANCE, "filename": "a.zip", "key": f"key-{number:05d}"}
            about |= dict.fromkeys(("endpoint", "threat", "description"), text[:1500])
            pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in about.items())
            pairs = (pair.strip() for pair in pairs)
            headers = {"tus-resumable": "1.0.0", "upload-length": "0", "upload-metadata": ",".join(pairs)}
            assert (await client.post("/v1/cases/", headers=headers)).status_code == 201
    async with portal.operators() as client:
        assert (await client.delete(f"/v1/products/{REMOVED}")).status_code == 204


def kept(portal: OpenPortal, where: Path | str, random: Random, folder: Path) -> None:
    """What operators and commands say, and moments at the ends of time."""
    (folder / "fix").write_bytes(b"x")
    for text in SAID:
        if "\0" not in text:
            issue = (
                "pattern",
                "issue",
                str(folder / "fix"),
                "--type",
                "bandage",
                "--description",
                text[:2000],
            )
            told(*issue, "--home", str(portal.home))  # some are refused
            told("account", "add", text[:300], "--home", str(portal.home), stdin="a password\n")
    assert told("report", "make", "weekly", "--home", str(portal.home)).returncode == 0
    with opened(where) as connection:
        now = SystemClock().now()
        for text in SAID:
            audit.note(connection, (text, text), "case-changed", text, now)
        for kind, at in zip(("silent", "clone", "queue-full", "certificate"), TIMES, strict=True):
            row = {"kind": kind, "subject": ANY_APPLIANCE, "since": at, "noted_at": at, "detail": "=1 <b>"}
            connection.execute(insert(tables.alerts).values(**row, told_at=at, ended_at=random.choice(TIMES)))
        for table, column in (
            (tables.batches, "received_at"),
            (tables.products, "last_beat_at"),
            (tables.removals, "removed_at"),
            (tables.reports, "made_at"),
            (tables.cases, "updated_at"),
            (tables.endpoints, "at"),
        ):
            connection.execute(update(table).values({column: random.choice(TIMES)}))
        for at in TIMES:
            connection.execute(
                insert(tables.audit).values(at=at, who="w", source="s", what="x", subject="=y")
            )


def addresses(portal: Any) -> list[str]:
    """All that can be looked at, with and without odd words in the query."""
    found = []
    for route in page_routes(portal):
        if "GET" in (route.methods or set()):
            for number in ("C-000001", "C-000005"):
                path = route.path.format(appliance=ANY_APPLIANCE, id="x", case=number, pattern=1, account="x")
                if path not in found:
                    found.append(path)
    names = (
        "text",
        "version",
        "appliance",
        "after",
        "before",
        "page",
        "sort",
        "state",
        "beat",
        "back",
        "all",
    )
    odd = [f"?{'&'.join(f'{name}={quote(text[:300])}' for name in names)}" for text in SAID[::3]]
    return [*found, *(f"{path}{query}" for path in found if path.count("/") == 2 for query in odd)]


def check(path: str, reply: httpx.Response) -> None:
    away = path.partition("?")[0].rstrip("/") == "/portal"
    assert reply.status_code in ({303} if away else {200, 404}), (path, reply)
    shown = reply.text
    assert not [sign for sign in UNSAFE if sign in shown], path
    if reply.headers.get("content-type", "").startswith("text/csv"):
        for row in csv.reader(io.StringIO(shown)):
            for cell in row:
                assert not cell.startswith(FORMULAS) or cell.lstrip("-").replace(".", "").isdigit(), (
                    path,
                    cell,
                )
    elif reply.headers.get("content-type", "").startswith("text/html"):
        for markup in ("<script", "<img", "<b>", "onerror="):
            assert markup not in shown, (path, markup)
        assert "javascript:" not in shown.replace("javascript:z", "")


@pytest.mark.parametrize("seed", [1])
async def test_every_page_shows_whatever_was_said(
    store: Path | str, home: Path, tmp_path: Path, seed: int
) -> None:
    """Nothing raises, nothing is markup, no sign is unsafe, no cell is a formula, on either engine."""
    random = Random(seed)
    postgresql = isinstance(store, str)
    with_settings(home, f"database = {json.dumps(store)}\n" if postgresql else "")
    async with opened_portal(home) as portal:
        await delivered(portal, random)
        kept(portal, store if postgresql else home / "portal.sqlite3", random, tmp_path)
        async with operator(portal) as client:
            for path in addresses(None):
                if path.startswith("/portal/logon"):  # it ends the session
                    continue
                check(path, await client.get(path))
            reports = (await client.get("/portal/reports")).text
            assert 'href="/portal/reports/' in reports, reports[-1500:]
            name = reports.split('href="/portal/reports/')[1].split('"')[0]
            for path in (f"/portal/reports/{name}", f"/portal/reports/{name}/markdown"):
                reply = await client.get(path)
                assert reply.status_code == 200
                check(path, reply)
                assert ANY_APPLIANCE in reply.text
