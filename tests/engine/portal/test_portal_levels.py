"""Every page and form by nobody, by accounts of appliances, and by operators of each role."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import httpx
import pytest
from portals import RunningPortal
from test_portal_pages import token_in
from test_portal_roles import ANALYST, OTHER, READER, A, B, Held, held, kept, with_everybody

from tm_tui.portal.callers import LEVELS, Level
from tm_tui.portal.pages.site import page_routes

pytestmark = pytest.mark.one_store("it compares the bytes of a whole home, its database among them")

CASE = "C-000001"
PATTERN = {"kind": "bandage", "version": "1", "description": "for X"}


class Row(NamedTuple):
    """A request, its fields if it is a form, and who at least must have sent it; "": anybody."""

    method: str
    route: str
    least: Level | str
    form: dict[str, str] = {}  # noqa: RUF012 # not changed by anybody
    query: str = ""


ROWS = (
    Row("GET", "/portal", ""),
    Row("GET", "/portal/", ""),
    Row("GET", "/portal/style.css", ""),
    Row("GET", "/portal/logon", ""),
    Row("POST", "/portal/logon", ""),
    Row("GET", "/portal/products", "read-only"),
    Row("GET", "/portal/products.csv", "read-only"),
    Row("GET", "/portal/products/{appliance}", "read-only"),
    Row("GET", "/portal/products/{appliance}/remove", "analyst"),
    Row("POST", "/portal/products/{appliance}/remove", "analyst"),
    Row("GET", "/portal/removed", "read-only"),
    Row("POST", "/portal/removed", "analyst", {"appliance": A}),
    Row("GET", "/portal/alerts", "read-only"),
    Row("GET", "/portal/endpoints", "read-only"),
    Row("GET", "/portal/endpoints.csv", "read-only"),
    Row("GET", "/portal/logs", "read-only"),
    Row("GET", "/portal/reports", "read-only"),
    Row("GET", "/portal/reports/{id}", "read-only"),
    Row("GET", "/portal/reports/{id}/markdown", "read-only"),
    Row("GET", "/portal/cases", "read-only"),
    Row("GET", "/portal/cases/{case}", "read-only"),
    Row("POST", "/portal/cases/{case}", "analyst", {"status": "sample-downloaded", "pattern": ""}),
    Row("GET", "/portal/cases/{case}/file", "analyst"),
    Row("GET", "/portal/patterns", "read-only"),
    Row("GET", "/portal/patterns/issue", "analyst"),
    Row("POST", "/portal/patterns/issue", "analyst", PATTERN),
    Row("GET", "/portal/patterns/{pattern}/withdraw", "analyst"),
    Row("POST", "/portal/patterns/{pattern}/withdraw", "analyst"),
    Row("GET", "/portal/retention", "read-only"),
    Row("GET", "/portal/audit", "admin"),
    Row("GET", "/portal/audit.csv", "admin"),
    Row("GET", "/portal/accounts", "admin"),
    Row("POST", "/portal/accounts", "admin", {"name": "new", "kind": "admin"}),
    Row("GET", "/portal/accounts/one", "admin", query="?name=new"),
    Row("POST", "/portal/accounts/one", "admin", {"do": "role", "role": "analyst"}, "?name=new"),
    Row("POST", "/portal/accounts/one", "admin", {"do": "log-off"}, "?name=new"),
    Row("POST", "/portal/accounts/one", "admin", {"do": "password"}, "?name=new"),
    Row("GET", "/portal/accounts/remove", "admin", query="?name=new"),
    Row("POST", "/portal/accounts/remove", "admin", query="?name=new"),
    Row("GET", "/portal/password", "read-only"),
    Row("POST", "/portal/password", "read-only", {"old": "x", "new": "y", "again": "z"}),
    Row("POST", "/portal/password", "read-only", {"do": "log-off"}),
    Row("GET", "/portal/zone", "read-only"),
    Row("POST", "/portal/zone", "read-only", {"zone": "UTC"}),
    Row("POST", "/portal/logoff", "read-only"),
)
"""The last one ends the session."""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    """One for the tests of this file."""
    with with_everybody(tmp_path_factory.mktemp("levels") / "home") as opened_one:
        yield opened_one


@pytest.fixture(scope="module")
def of_a(portal: RunningPortal) -> Held:
    """What two appliances of two accounts left there; of the first one."""
    found = asyncio.run(held(portal, A, portal.credentials))
    asyncio.run(held(portal, B, OTHER))
    return found


def address(row: Row, of_a: Held, pattern: int = 0) -> str:
    """`pattern`: each role above the lowest issues one, and withdraws it."""
    return row.route.format(appliance=A, id=of_a.report, case=CASE, pattern=pattern) + row.query


def shows_password(row: Row) -> bool:
    """Whether the answer is a page that shows a new password."""
    return row.route == "/portal/accounts" or row.form.get("do") == "password"


async def asked(
    client: httpx.AsyncClient, row: Row, of_a: Held, token: str, pattern: int = 0
) -> httpx.Response:
    more: dict[str, Any] = {"data": {"token": token, **row.form}} if row.method == "POST" else {}
    if row.form == PATTERN:
        more["files"] = {"file": ("x", b"x")}
    return await client.request(row.method, address(row, of_a, pattern), **more)


def test_the_table_knows_every_page() -> None:
    """A page or form that somebody adds has to say who may use it, here too."""
    served: Any = SimpleNamespace()
    wanted = {
        (one, route.path) for route in page_routes(served) for one in (route.methods or set()) - {"HEAD"}
    }
    assert wanted == {(row.method, row.route) for row in ROWS}


@pytest.mark.parametrize("who", ["nobody", "own", "other"])
async def test_pages_are_nobody_else_s(portal: RunningPortal, of_a: Held, who: str) -> None:
    """Nobody, and whoever shows an account of appliances, is sent to the log-on, and nothing happens."""
    auth = {"nobody": None, "own": portal.credentials, "other": OTHER}[who]
    before = kept(portal.home)
    async with portal.status_server(auth=auth) as client:
        for row in ROWS:
            if row.least:
                reply = await asked(client, row, of_a, "x")
                assert (reply.status_code, reply.headers["location"]) == (303, "/portal/logon"), row
                assert A not in reply.text
                head = await client.head(address(row, of_a))
                assert head.status_code in {303, 405}
    assert kept(portal.home) == before


async def test_every_page_by_every_role(portal: RunningPortal, of_a: Held) -> None:
    """What a role does not reach is 403 in words, and nothing has happened by it; the rest is done."""
    for level, (name, password) in zip(LEVELS, (READER, ANALYST, portal.operator), strict=True):
        async with portal.status_server(auth=None) as client:
            form = {"token": token_in(await client.get("/portal/logon")), "username": name}
            logged_on = await client.post("/portal/logon", data={**form, "password": password})
            assert logged_on.status_code == 303
            token = token_in(await client.get("/portal/products"))
            for row in ROWS:
                if not row.least:
                    continue
                before = kept(portal.home)
                reply = await asked(client, row, of_a, token, LEVELS.index(level))
                if LEVELS.index(level) >= LEVELS.index(row.least):
                    done = 422 if "old" in row.form else 200 if shows_password(row) else 303
                    assert reply.status_code == (200 if row.method == "GET" else done), (row, level)
                    if (row.method, row.route) == ("POST", "/portal/removed"):
                        assert (await portal.register(A)).status_code == 201
                    if level == "read-only" and row.method == "GET":
                        assert kept(portal.home) == before, row
                else:
                    assert reply.status_code == 403, (row, level)
                    assert f"This needs the role {row.least}; yours is {level}." in reply.text
                    assert kept(portal.home) == before, row


METHODS = ("HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
TRICKS: tuple[dict[str, str], ...] = (
    {"x-http-method-override": "DELETE"},
    {"x-http-method": "POST", "x-method-override": "POST"},
    {"x-original-url": "/portal/style.css", "x-rewrite-url": "/portal/style.css"},
    {"x-forwarded-for": "127.0.0.1", "x-forwarded-user": "operator", "forwarded": "for=127.0.0.1"},
)


def disguised(path: str) -> Iterator[str]:
    """The same place, as servers and proxies have been led past a rule before."""
    plain, _, query = path.removeprefix("/portal/").partition("?")
    first, rest = f"%{ord(plain[0]):02x}", plain[1:]
    for one in (
        *(f"{first}{rest}", f"{plain}/", f"/{plain}", f"./{plain}", f"x/../{plain}", f"{plain}/."),
        *(f"{plain}%2f", f"{plain}%00", f"{plain};x=1", f"{plain}.css", f"style.css/../{plain}"),
        *(f"logon/..%2f{plain}", f"%2e%2e/portal/{plain}", plain.upper(), f"{plain}%20", f"..\\{plain}"),
    ):
        yield f"/portal/{one}{'?' if query else ''}{query}"


async def raw(client: httpx.AsyncClient, method: str, target: str, **more: Any) -> httpx.Response:
    """A request for exactly this target, which a client would tidy up."""
    return await client.request(method, "/", extensions={"target": target.encode()}, **more)


@pytest.mark.parametrize("level", [*LEVELS, "nobody"])
async def test_no_other_way_leads_there(portal: RunningPortal, of_a: Held, level: str) -> None:
    """Other methods, methods in headers and disguised paths get no role further; nothing happens by them."""
    known = {(row.method, row.route) for row in ROWS}
    async with portal.status_server(auth=None) as client:
        rank, token = -1, "x"
        if level != "nobody":
            rank = [*LEVELS].index(level)  # type: ignore[arg-type]
            name, password = (READER, ANALYST, portal.operator)[rank]
            form = {"token": token_in(await client.get("/portal/logon")), "username": name}
            assert (
                await client.post("/portal/logon", data={**form, "password": password})
            ).status_code == 303
            token = token_in(await client.get("/portal/products"))
        before, form = kept(portal.home), {"token": token, "_method": "DELETE"}
        for row in ROWS:
            if row.method != "GET" or not row.least:
                continue
            path, may = address(row, of_a), rank >= LEVELS.index(row.least)  # type: ignore[arg-type]
            if "withdraw" in path:  # which one is offered is another test's to change
                continue
            for method in METHODS:
                if (method, row.route) in known:
                    continue
                more = {"data": form} if method == "POST" else {}
                reply = await client.request(method, path, **more)
                shown = {200, 404} if may else {403} if rank >= 0 else {303}  # 404: it is not made yet
                assert reply.status_code in (shown if method == "HEAD" else {405}), (row, method)
                assert portal.credentials[0] not in reply.text
            if may:
                continue
            for headers in TRICKS:
                reply = await client.get(path, headers=headers)
                assert reply.status_code == (403 if rank >= 0 else 303), (row, headers)
            for target in disguised(path):
                reply = await raw(client, "GET", target)
                assert 300 <= reply.status_code < 500, target
                assert portal.credentials[0] not in reply.text
        assert kept(portal.home) == before


FOREIGN: tuple[dict[str, str], ...] = (
    {"origin": "https://evil.example.com"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
)


async def test_no_form_of_another_site_does_anything(portal: RunningPortal, of_a: Held) -> None:
    """Each form, sent for an admin without the session's token or from elsewhere, is 403; nothing happens."""
    async with portal.status_server(auth=None) as client:
        name, password = portal.operator
        form = {"token": token_in(await client.get("/portal/logon")), "username": name, "password": password}
        await client.post("/portal/logon", data=form)
        token, before = token_in(await client.get("/portal/products")), kept(portal.home)
        for row in ROWS:
            if row.method == "POST" and row.least:
                for wrong in ("", "x", form["token"], token[:-1]):
                    reply = await asked(client, row, of_a, wrong)
                    assert (reply.status_code, "does not come from" in reply.text) == (403, True), row
                for headers in FOREIGN:
                    client.headers.update(headers)
                    reply = await asked(client, row, of_a, token)
                    for header in headers:
                        del client.headers[header]
                    assert (reply.status_code, "does not come from" in reply.text) == (403, True), row
        assert kept(portal.home) == before
        assert (await client.get("/portal/products")).status_code == 200  # not logged off


async def test_what_a_role_may_not_use_is_not_offered(portal: RunningPortal, of_a: Held) -> None:
    """No link and no button leads to a refusal."""
    paths = (
        "products",
        f"products/{A}",
        "removed",
        "cases",
        f"cases/{CASE}",
        "patterns",
        "alerts",
        "reports",
    )
    for level, (name, password) in zip(LEVELS, (READER, ANALYST, portal.operator), strict=True):
        async with portal.status_server(auth=None) as client:
            form = {"token": token_in(await client.get("/portal/logon")), "username": name}
            await client.post("/portal/logon", data={**form, "password": password})
            shown = "".join([(await client.get(f"/portal/{path}")).text for path in paths])
            assert f"{name}</a> <small>{level}</small>" in shown
            assert ("/portal/audit" in shown) == (level == "admin")
            assert ("/portal/accounts" in shown) == (level == "admin")
            assert (f"/portal/products/{A}/remove" in shown) == (level != "read-only")
            assert (f"/portal/cases/{CASE}/file" in shown) == (level != "read-only")
            assert ("<button>Save</button>" in shown) == (level != "read-only")


async def test_metrics_are_the_token_s(portal: RunningPortal) -> None:
    """No account of whatever kind opens /metrics, and its token opens nothing else."""
    assert portal.command("metrics").returncode == 0
    token = (portal.home / "keys" / "metrics-token").read_text().strip()
    for auth in (None, portal.credentials, OTHER, READER, ANALYST, portal.operator):
        async with portal.status_server(auth=auth) as client:
            assert (await client.get("/metrics")).status_code == 401
    async with portal.status_server(auth=None) as client:
        bearer = {"authorization": f"Bearer {token}"}
        assert (await client.get("/metrics", headers=bearer)).status_code == 200
        assert (await client.get("/v1/products", headers=bearer)).status_code == 401
        assert (await client.get("/portal/products", headers=bearer)).status_code == 303
