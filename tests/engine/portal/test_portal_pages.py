"""The operator's pages without a browser: who gets in, what is refused, what is escaped."""

import asyncio
import base64
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from portals import (
    ANY_APPLIANCE,
    OpenPortal,
    beat,
    log_file,
    ndjson,
    opened_portal,
    running,
    sealed,
    threat_event,
)
from sqlalchemy.exc import OperationalError

from clock import FakeClock
from tm_tui.portal import sessions
from tm_tui.portal.database import opened
from tm_tui.portal.log import PortalLog
from tm_tui.portal.pages.site import PAGES
from tm_tui.portal.reports import shelf
from tm_tui.portal.service import PortalOptions, open_portal
from tm_tui.portal.sessions import IDLE_SECONDS

HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenPortal]:
    """One for all tests that change nothing in it."""
    with running(tmp_path_factory.mktemp("pages") / "portal") as process:
        asyncio.run(process.register(email=HOSTILE))
        yield process


@pytest.fixture
async def own_portal(tmp_path: Path) -> AsyncIterator[OpenPortal]:
    """One that a test may change."""
    async with opened_portal(tmp_path / "portal") as opened:
        await opened.register(email=HOSTILE)
        yield opened


def token_in(reply: httpx.Response) -> str:
    found = re.search(r'name="token" value="([^"]+)"', reply.text)
    assert found
    return found[1]


async def log_on(
    client: httpx.AsyncClient, portal: OpenPortal, password: str | None = None
) -> httpx.Response:
    form = {"token": token_in(await client.get("/portal/logon")), "username": portal.ready["operator"]}
    return await client.post("/portal/logon", data={**form, "password": password or portal.operator[1]})


@asynccontextmanager
async def visitor(portal: OpenPortal) -> AsyncIterator[httpx.AsyncClient]:
    async with portal.status_server(auth=None) as client:
        yield client


@asynccontextmanager
async def operator(portal: OpenPortal) -> AsyncIterator[httpx.AsyncClient]:
    async with visitor(portal) as client:
        assert (await log_on(client, portal)).status_code == 303
        yield client


PATHS = [page.path.format(appliance=ANY_APPLIANCE, id="x") for page in PAGES if "{" not in page.path]


@pytest.mark.parametrize("path", [*PATHS, f"products/{ANY_APPLIANCE}/remove", "reports/x"])
async def test_nothing_without_a_log_on(portal: OpenPortal, path: str) -> None:
    """Each page sends a visitor to the log-on, Basic credentials or not; nothing of it is in the answer."""
    for auth in (None, portal.credentials):
        async with portal.status_server(auth=auth) as client:
            reply = await client.get(f"/portal/{path}")
            assert (reply.status_code, reply.headers["location"]) == (303, "/portal/logon")
            assert ANY_APPLIANCE not in reply.text
            reply = await client.post(f"/portal/{path}", data={"token": "x"})
            assert reply.status_code in {303, 405}


async def test_the_pages_credentials_do_not_open_the_interface(portal: OpenPortal) -> None:
    """A session is worth nothing outside /portal: appliances and scripts use Basic there."""
    async with operator(portal) as client:
        assert (await client.get("/portal/products")).status_code == 200
        assert (await client.get("/v1/products")).status_code == 401
        assert (await client.get("/portalx")).status_code == 401


async def test_a_wrong_password_is_refused_and_noted(portal: OpenPortal) -> None:
    """No session begins, the account is not told from an unknown one, and the log has a line."""
    async with visitor(portal) as client:
        wrong = await log_on(client, portal, "wrong")
        assert (wrong.status_code, "User name or password is wrong." in wrong.text) == (403, True)
        assert "__Host-tmsp-session" not in client.cookies
        form = {"token": token_in(wrong), "username": "nobody", "password": "x"}
        unknown = await client.post("/portal/logon", data=form)
        assert unknown.text == wrong.text
    assert any(line["event"] == "logon-refused" for line in portal.logged())


async def test_the_cookie_belongs_to_this_host_only(portal: OpenPortal) -> None:
    """Secure, HttpOnly, SameSite=Strict, for the whole host, without a date."""
    async with visitor(portal) as client:
        reply = await log_on(client, portal)
        (session,) = [
            value for value in reply.headers.get_list("set-cookie") if value.startswith("__Host-tmsp-session")
        ]
        words = {part.strip().lower() for part in session.split(";")[1:]}
        assert words == {"secure", "httponly", "samesite=strict", "path=/"}


async def test_a_session_s_name_is_the_portal_s_own(portal: OpenPortal) -> None:
    """Who plants a name in a browser, or has one of before, knows none of the session that begins there."""
    async with operator(portal) as first:
        old = first.cookies["__Host-tmsp-session"]
        form = await first.get("/portal/logon")
        assert (form.status_code, form.headers["location"]) == (303, "/portal/products")  # as it goes on
    for planted in ("planted", old):
        async with visitor(portal) as client:
            form = {
                "token": token_in(await client.get("/portal/logon")),
                "username": portal.ready["operator"],
            }
            client.cookies.set("__Host-tmsp-session", planted, "127.0.0.1")
            reply = await client.post("/portal/logon", data={**form, "password": portal.operator[1]})
            (given,) = re.findall("__Host-tmsp-session=([^;]+)", str(reply.headers))
            assert len(given) > 40
            assert given != planted
        async with visitor(portal) as thief:
            headers = {"cookie": f"__Host-tmsp-session={planted}"}
            reply = await thief.get("/portal/products", headers=headers)
            assert (reply.status_code, reply.headers["location"]) == (303, "/portal/logon")


@pytest.mark.parametrize("path", ["/portal/products", "/portal/logon", "/portal/style.css", "/portal/none"])
async def test_every_answer_keeps_scripts_and_frames_out(portal: OpenPortal, path: str) -> None:
    """A strict policy, no sniffing, no frames, no store, and no script in the page."""
    async with operator(portal) as client:
        reply = await client.get(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert "<script" not in reply.text


@pytest.mark.parametrize(
    "more",
    [
        {"data": {"token": "wrong"}},
        {"data": {"other": "x"}},
        {"headers": {"origin": "https://evil.example.com"}},
        {"headers": {"origin": "null"}},
        {"headers": {"sec-fetch-site": "cross-site"}},
    ],
)
async def test_forms_of_others_are_refused(portal: OpenPortal, more: dict[str, Any]) -> None:
    """Removing, logging off and logging on want the form's own token and this site's origin."""
    async with operator(portal) as client:
        form = {"token": token_in(await client.get("/portal/products"))}
        for path in (f"/portal/products/{ANY_APPLIANCE}/remove", "/portal/logoff"):
            reply = await client.post(path, **{"data": form, **more})
            assert (reply.status_code, "does not come from" in reply.text) == (403, True)
        assert ANY_APPLIANCE in (await client.get("/portal/products")).text
    async with visitor(portal) as client:
        logon = {"token": token_in(await client.get("/portal/logon")), "username": portal.ready["operator"]}
        data = {**logon, "password": portal.operator[1], **more.get("data", {"token": logon["token"]})}
        if "other" in data:
            del data["token"]
        reply = await client.post("/portal/logon", **{**more, "data": data})
        assert reply.status_code == 403


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"x" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(50)), "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
    ],
)
async def test_odd_forms_are_refused(portal: OpenPortal, content: bytes, kind: str, status: int) -> None:
    """Too long, no text, too many fields, or no form at all."""
    async with operator(portal) as client:
        headers = {"content-type": kind}
        reply = await client.post("/portal/logoff", content=content, headers=headers)
        assert reply.status_code == status


async def test_removing_asks_first(own_portal: OpenPortal) -> None:
    """The page asks, the form does it, the list says so once."""
    async with operator(own_portal) as client:
        asked = await client.get(f"/portal/products/{ANY_APPLIANCE}/remove")
        assert "It stays removed until" in asked.text
        done = await client.post(asked.url.path, data={"token": token_in(asked)})
        assert done.headers["location"] == "/portal/products"
        listed = await client.get("/portal/products")
        assert f"{ANY_APPLIANCE} was removed" in listed.text
        assert "No appliance is registered" in listed.text
        assert "was removed" not in (await client.get("/portal/products")).text
        assert (await client.get(asked.url.path)).status_code == 404
        again = await client.post(asked.url.path, data={"token": token_in(listed)})
        assert again.status_code == 404
        back = {"token": token_in(listed), "appliance": ANY_APPLIANCE}
        assert (await client.post("/portal/removed", data=back)).status_code == 303
        assert (await client.post("/portal/removed", data=back)).status_code == 404
        name = own_portal.operator[0]
        assert own_portal.command("account", "add", "=eve", stdin="pass of eve\n").returncode == 0
        taken = await client.get("/portal/audit.csv")
        deeds = [line.split(",")[2:] for line in taken.text.splitlines()[1:]]
        assert [(one[0], one[1], *one[2:]) for one in reversed(deeds)][:3] == [
            (name, "127.0.0.1", "logged-on", ""),
            (name, "127.0.0.1", "product-removed", ANY_APPLIANCE),
            (name, "127.0.0.1", "product-readmitted", ANY_APPLIANCE),
        ]
        assert (deeds[0][1:], len(deeds)) == (["command line", "account-added", "'=eve"], 4)
        assert "account-added" in (await client.get("/portal/audit")).text


async def test_what_comes_from_outside_is_escaped(own_portal: OpenPortal) -> None:
    """E-mail addresses, host names, threats and report titles are text on every page."""
    event = threat_event(1, HOSTILE, "unsuccessful", threat={"name": HOSTILE, "severity": "high"})
    name, packed = sealed(ndjson(event), ANY_APPLIANCE)
    async with own_portal.log_server() as client:
        assert (await client.put(f"/logs/{ANY_APPLIANCE}/{name}", content=packed)).status_code == 201
    with opened(own_portal.home / "portal.sqlite3") as connection:
        text = (
            f"# {HOSTILE}\n\n[a](javascript:alert(1)) ![b](https://x/y) <b>c</b>\n\n| a |\n| ---: |\n| 1 |\n"
        )
        report = shelf.Report("tm-lab-1-daily-1", ANY_APPLIANCE, "daily", HOSTILE, text)
        shelf.put(connection, report, datetime.now(UTC))
    async with own_portal.status_server() as client:
        await client.post("/v1/heartbeat", json=beat(version=HOSTILE))
    async with operator(own_portal) as client:
        while "&lt;script&gt;" not in (await client.get("/portal/endpoints")).text:
            pass
        for path in (
            "products",
            "endpoints",
            "endpoints?all=1",
            "logs",
            "reports",
            "reports/tm-lab-1-daily-1",
        ):
            reply = await client.get(f"/portal/{path}")
            assert reply.status_code == 200
            assert "<script" not in reply.text
        shown = await client.get("/portal/reports/tm-lab-1-daily-1")
        assert "&lt;script&gt;" in shown.text
        assert "<b>" not in shown.text
        assert 'href="javascript' not in shown.text
        assert "<img" not in shown.text
        assert "style=" not in shown.text
        taken = await client.get("/portal/reports/tm-lab-1-daily-1/markdown")
        assert taken.text == text
        assert taken.headers["content-disposition"] == 'attachment; filename="tm-lab-1-daily-1.md"'
        assert (await client.get("/portal/reports/..%2f..%2fpassword")).status_code == 404


async def test_patterns_are_listed(own_portal: OpenPortal, tmp_path: Path) -> None:
    """What is offered, to whom, with its description as text."""
    file = tmp_path / "fix"
    file.write_bytes(b"fix")
    issue = ("pattern", "issue", str(file), "--type", "bandage", "--description", "<b>Fix</b> 7")
    async with operator(own_portal) as client:
        assert "No pattern is offered" in (await client.get("/portal/patterns")).text
        assert own_portal.command(*issue, "--appliance", ANY_APPLIANCE).returncode == 0
        shown = (await client.get("/portal/patterns")).text
        assert "&lt;b&gt;Fix&lt;/b&gt; 7" in shown
        assert ANY_APPLIANCE in shown


async def test_cases_are_listed_and_taken(own_portal: OpenPortal) -> None:
    """A case with its status and texts, its file as it was sent; what the operator did is its status then."""
    data = b"evidence" * 100
    texts = {"appliance": ANY_APPLIANCE, "filename": "c.tar.zst", "endpoint": "pc-17", "threat": "<b>T</b>"}
    pairs = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in texts.items())
    tus = {"tus-resumable": "1.0.0"}
    async with own_portal.status_server() as client:
        new = {**tus, "upload-length": str(len(data)), "upload-metadata": pairs}
        made = await client.post("/v1/cases/", headers=new)
        kind = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
        sent = await client.patch(made.headers["location"], content=data, headers={**tus, **kind})
        assert sent.status_code == 204
    async with operator(own_portal) as client:
        shown = (await client.get("/portal/cases")).text
        assert "&lt;b&gt;T&lt;/b&gt;" in shown
        assert "administrator-notified" in shown
        taken = await client.get("/portal/cases/C-000001/file")
        assert taken.content == data
        assert "attachment" in taken.headers["content-disposition"]
        assert "sample-downloaded" in (await client.get("/portal/cases")).text
        assert (await client.get("/portal/cases/..%2fC-000001/file")).status_code == 404
        assert (await client.get("/portal/cases/C-000009/file")).status_code == 404


async def test_logging_off_ends_it(portal: OpenPortal) -> None:
    """The old cookie is worth nothing afterwards."""
    async with operator(portal) as client:
        cookie = client.cookies["__Host-tmsp-session"]
        page = await client.get("/portal/products")
        assert (await client.post("/portal/logoff", data={"token": token_in(page)})).status_code == 303
        assert "__Host-tmsp-session" not in client.cookies
        headers = {"cookie": f"__Host-tmsp-session={cookie}"}
        assert (await client.get("/portal/products", headers=headers)).status_code == 303


async def test_a_changed_password_ends_sessions(own_portal: OpenPortal) -> None:
    """And so does a removed account: whoever was logged on with it is out."""
    async with operator(own_portal) as client:
        done = own_portal.command(
            "operator", "password", own_portal.ready["operator"], stdin="seven old bridges\n"
        )
        assert done.returncode == 0
        assert (await client.get("/portal/products")).status_code == 303


async def test_an_idle_session_ends(tmp_path: Path) -> None:
    """After a quarter of an hour without a request the log-on is asked for again, and says why."""
    clock = FakeClock(datetime.now(UTC))  # the portal's certificate is of today
    home = tmp_path / "portal"
    with log_file(home).open("a") as stream:
        async with open_portal(PortalOptions(home), PortalLog(stream, clock), clock) as (ready, _):
            portal = OpenPortal(home, ready.model_dump())
            async with operator(portal) as client:
                await clock.advance(IDLE_SECONDS - 1)
                assert (await client.get("/portal/products")).status_code == 200
                await clock.advance(IDLE_SECONDS + 1)
                assert (await client.get("/portal/products")).status_code == 303
                assert "nothing happened for a while" in (await client.get("/portal/logon")).text


async def test_the_database_s_trouble_is_a_page(
    own_portal: OpenPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks while the database cannot be used reads why, and nothing of the inside."""
    async with operator(own_portal) as client:

        def broken(*_: object) -> None:
            raise OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error"))

        monkeypatch.setattr(sessions, "find", broken)
        reply = await client.get("/portal/products")
        assert reply.status_code == 500
        assert "database cannot be used" in reply.text
