"""Who may do what: nobody, operators of each role, two accounts with an appliance each, over every route."""

import asyncio
import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncssh
import httpx
import pytest
from old_homes import as_before
from portals import OpenPortal, RunningPortal, batch, beat, registration, running

from tm_tui.portal import audit, routes
from tm_tui.portal.database import opened
from tm_tui.portal.reports import shelf

pytestmark = pytest.mark.one_store("it compares the bytes of a whole home, its database among them")

A, B = "tm-of-a", "tm-of-b"
OTHER = ("another", "pass of another")
ANALYST, READER = ("ann", "rain on a tin roof"), ("rob", "four grey geese flew")
TUS = {"tus-resumable": "1.0.0"}
CHUNK = {**TUS, "content-type": "application/offset+octet-stream", "upload-offset": "1"}
Auth = tuple[str, str] | None


class Held(NamedTuple):
    """What a portal holds of one appliance: an upload in progress, a whole case, a report, a pattern."""

    part: str
    whole: str
    report: str
    pattern: str


def metadata(appliance: str, key: str) -> str:
    pairs = {"appliance": appliance, "filename": "c.tar.zst", "key": key}
    return ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in pairs.items())


async def upload(client: httpx.AsyncClient, appliance: str, key: str, content: bytes) -> str:
    """Begin an upload of three bytes, and send these."""
    new = {**TUS, "upload-length": "3", "upload-metadata": metadata(appliance, key)}
    location = (await client.post("/v1/cases/", headers=new)).headers["location"]
    sent = await client.patch(location, content=content, headers={**CHUNK, "upload-offset": "0"})
    assert sent.status_code == 204
    return str(location)


async def held(portal: RunningPortal, appliance: str, auth: Auth) -> Held:
    """Register, and leave one of each kind at the portal."""
    async with portal.status_server(auth=auth) as client:
        assert (await client.post("/v1/registration", json=registration(appliance))).status_code == 201
        part = await upload(client, appliance, "key-of-part", b"a")
        whole = await upload(client, appliance, "key-of-whole", b"abc")
    report = f"{appliance}-daily-2026-01-01"
    with opened(portal.home / "portal.sqlite3") as connection:
        shelf.put(connection, shelf.Report(report, appliance, "daily", "x", "text"), datetime.now(UTC))
    return Held(part, whole, report, pattern_for(portal, appliance))


def pattern_for(portal: RunningPortal, appliance: str) -> str:
    """Issue a pattern for this appliance alone; where it is served."""
    file = portal.home.with_name("fix")
    file.write_text(f"fix for {appliance}")
    before = set((portal.home / "patterns").glob("targets/*"))
    words = ("pattern", "issue", str(file), "--type", "bandage", "--description", "fix")
    done = portal.command(*words, "--appliance", appliance)
    assert done.returncode == 0, done.stderr
    (new,) = set((portal.home / "patterns").glob("targets/*")) - before
    return f"/v1/patterns/targets/{new.name}"


@contextmanager
def with_everybody(home: Path) -> Iterator[RunningPortal]:
    """A portal with two accounts, and an operator of each role."""
    with running(home) as opened_one:
        assert opened_one.command("account", "add", OTHER[0], stdin=f"{OTHER[1]}\n").returncode == 0
        for (name, password), level in ((ANALYST, "analyst"), (READER, "read-only")):
            words = ("operator", "add", name, "--role", level)
            assert opened_one.command(*words, stdin=f"{password}\n").returncode == 0
        yield opened_one


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    """One for the tests of this file."""
    with with_everybody(tmp_path_factory.mktemp("roles") / "home") as opened_one:
        yield opened_one


@pytest.fixture(scope="module")
def of_a(portal: RunningPortal) -> Held:
    """What the first account's appliance left there."""
    return asyncio.run(held(portal, A, portal.credentials))


@pytest.fixture(scope="module")
def of_b(portal: RunningPortal) -> Held:
    """What the other account's appliance left there."""
    return asyncio.run(held(portal, B, OTHER))


class Row(NamedTuple):
    """A request about the appliance of account A, and its status for each caller who passed the guard.

    `operator`: for an admin and an analyst; `reader`: for an operator who may only look, if it is another.
    """

    method: str
    route: str
    operator: int
    owner: int
    other: int
    more: dict[str, Any] = {}  # noqa: RUF012 # not changed by anybody
    query: str = ""
    reader: int | None = None


def rows(of_a: Held) -> list[Row]:
    """Every route and method, those first that leave all as it is."""
    new = {**TUS, "upload-length": "3", "upload-metadata": metadata(A, "key-of-a-third")}
    part, whole = "/v1/cases/{upload}", "whole"
    json = {"json": beat(A)}
    name, packed = batch(A)
    found = [
        Row("POST", "/v1/registration", 403, 200, 403, {"json": registration(A)}),
        Row("POST", "/v1/heartbeat", 403, 200, 403, json),
        Row("POST", "/v1/heartbeat", 403, 200, 403, {"json": beat(A, probe=True)}),
        Row("GET", "/v1/reports", 200, 200, 403, query=f"?appliance={A}"),
        Row("HEAD", "/v1/reports", 200, 200, 403, query=f"?appliance={A}"),
        Row("GET", "/v1/reports", 200, 200, 200),
        Row("GET", "/v1/reports/{id}", 200, 200, 403),
        Row("HEAD", "/v1/reports/{id}", 200, 200, 403),
        Row("GET", "/v1/patterns/{name:path}", 200, 200, 403),
        Row("HEAD", "/v1/patterns/{name:path}", 200, 200, 403),
        Row("GET", "/v1/endpoints", 200, 403, 403),
        Row("HEAD", "/v1/endpoints", 200, 403, 403),
        Row("GET", "/v1/products", 200, 403, 403),
        Row("HEAD", "/v1/products", 200, 403, 403),
        Row("PUT", "/logs/{appliance}/{name}", 403, 204, 403, {"content": b"x"}, "probe"),
        Row("PUT", "/logs/{appliance}/{name}", 403, 201, 403, {"content": packed}, name),
        Row("GET", "/v1/cases/{case}/file", 200, 403, 403, reader=403),
        Row("HEAD", "/v1/cases/{case}/file", 200, 403, 403, reader=403),
        *(Row(method, part, 405, 405, 405) for method in ("GET", "POST")),
        Row("OPTIONS", part, 204, 204, 204),
        Row("HEAD", part, 403, 200, 403, {"headers": TUS}),
        Row("DELETE", part, 403, 403, 403, {"headers": TUS}, whole),  # a whole one is a case, and stays
        Row("PATCH", part, 403, 204, 403, {"headers": CHUNK, "content": b"b"}),
        Row("POST", part, 403, 204, 403, {"headers": {**TUS, "x-http-method-override": "DELETE"}}),
        Row("DELETE", part, 403, 404, 404, {"headers": TUS}),  # the one before has removed it
        Row("DELETE", "/v1/products/{appliance}", 204, 403, 403, reader=403),
    ]
    for path in ("/v1/cases", "/v1/cases/"):
        found[:0] = [
            *(Row(method, path, 200, 200, 403, query=f"?appliance={A}") for method in ("GET", "HEAD")),
            Row("GET", path, 200, 200, 200),
            Row("OPTIONS", path, 204, 204, 204),
            *(Row(method, path, 405, 405, 405) for method in ("PATCH", "DELETE")),
            Row("POST", path, 403, 201, 403, {"headers": new}),
        ]
    return found


def address(row: Row, of_a: Held) -> str:
    """The path that a row means."""
    upload_of = {"whole": of_a.whole}.get(row.query, of_a.part)
    known = {
        "/v1/cases/{upload}": upload_of,
        "/v1/cases/{case}/file": "/v1/cases/C-000001/file",
        "/v1/reports/{id}": f"/v1/reports/{of_a.report}",
        "/v1/patterns/{name:path}": of_a.pattern,
        "/v1/products/{appliance}": f"/v1/products/{A}",
        "/logs/{appliance}/{name}": f"/logs/{A}/{row.query}",
    }
    return known.get(row.route, row.route + row.query)


def kept(home: Path) -> tuple[list[tuple[Any, ...]], dict[str, bytes]]:
    """All that a refused request must leave as it was."""
    tables = ("products", "removals", "appliances", "accounts", "cases", "notices", "batches", "reports")
    with closing(sqlite3.connect(home / "portal.sqlite3")) as connection:
        found = [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    files = (*home.glob("logs/*/*"), *home.glob("cases/*"), *home.glob("incoming/*"))
    return found, {str(path): path.read_bytes() for path in files}


def told(reply: httpx.Response) -> str:
    return str(reply.json()["error"]["code"]) if reply.content else ""


async def asked(portal: OpenPortal, row: Row, of_a: Held, auth: Auth) -> httpx.Response:
    of_log = row.route.startswith("/logs/")
    async with (portal.log_server if of_log else portal.status_server)(auth=auth) as client:
        return await client.request(row.method, address(row, of_a), **row.more)


async def test_every_route_by_every_role(portal: RunningPortal, of_a: Held, of_b: Held) -> None:
    """What is not one's own is refused with its reason, and nothing has happened by it."""
    for row in rows(of_a):
        reader = row.operator if row.reader is None else row.reader
        callers = [(None, 401), (OTHER, row.other), (READER, reader), (ANALYST, row.operator)]
        callers.append((portal.operator, row.operator))
        for auth, wanted in callers:
            before = kept(portal.home)
            reply = await asked(portal, row, of_a, auth)
            assert reply.status_code == wanted, (row, auth, reply.text)
            if wanted == 403:
                codes = {"other-account", "operators-only", "appliances-only", "role-too-low", ""}
                assert told(reply) in codes, (row, reply.text)
            if wanted >= 400:
                assert kept(portal.home) == before, (row, auth)
            if row.method == "DELETE" and wanted == 204:
                await portal.register(A, renew=True)
        reply = await asked(portal, row, of_a, portal.credentials)
        assert reply.status_code == row.owner, (row, reply.text)


def test_the_table_knows_every_route(of_a: Held) -> None:
    """A route that somebody adds has to say whose it is, here too."""
    served = [*routes.log_server(None), *routes.status_server(None, None)]
    wanted = {(method, route.path) for route in served for method in route.methods or ()}
    assert wanted == {(row.method, row.route) for row in rows(of_a)}


async def test_no_other_way_leads_there(portal: RunningPortal, of_a: Held, of_b: Held) -> None:
    """Methods that a route does not know, named in a header too, and disguised paths: nobody gets further."""
    known = {(row.method, row.route) for row in rows(of_a)}
    paths = {row.route: address(row, of_a) for row in rows(of_a)}
    before = kept(portal.home)
    for auth in (None, OTHER, portal.credentials, READER, ANALYST, portal.operator):
        async with portal.status_server(auth=auth) as status, portal.log_server(auth=auth) as log:
            for route, path in paths.items():
                client = log if route.startswith("/logs/") else status
                for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
                    if (method, route) not in known:
                        reply = await client.request(method, path)
                        assert reply.status_code == (401 if auth is None else 405), (method, path, auth)
                        named = {"x-http-method-override": "DELETE", "x-original-url": "/v1/products"}
                        reply = await client.request(method, path, headers=named)
                        tus = route.startswith("/v1/cases") and method == "POST"
                        assert reply.status_code == (401 if auth is None else 405) or tus, (method, path)
                plain = path.partition("?")[0]
                for odd in (
                    *(f"{plain}/", f"/{plain}", f"/v1/..{plain}", plain.upper(), f"{plain}%2f", f"{plain};x"),
                    *(plain.replace("/v1", "/%76%31/."), f"/portal/..{plain}", f"/portal{plain}"),
                ):
                    reply = await client.delete("/", extensions={"target": odd.encode()})
                    assert 300 <= reply.status_code < 500, (odd, auth)
    assert kept(portal.home) == before


async def test_a_script_that_takes_a_file_is_told(portal: RunningPortal, of_a: Held) -> None:
    """Sender and audit hear of a download by an operator's script, as of one on a page; a HEAD is none."""

    def told() -> list[tuple[str, str, str]]:
        with opened(portal.home / "portal.sqlite3") as connection:
            found = audit.page(connection, None, 50)
        return [(one.who, one.source, one.subject) for one in found if one.what == "case-downloaded"]

    before = told()
    async with portal.status_server(auth=ANALYST) as script:
        assert (await script.head("/v1/cases/C-000001/file")).status_code == 200
        assert told() == before
        assert (await script.get("/v1/cases/C-000001/file")).status_code == 200
    assert told() == [(ANALYST[0], "127.0.0.1", "C-000001"), *before]


async def test_lists_hold_what_is_ones_own(portal: RunningPortal, of_a: Held, of_b: Held) -> None:
    """Without an appliance's name an account sees its own appliances', an operator all."""
    for auth, wanted in ((portal.credentials, {A}), (OTHER, {B}), (portal.operator, {A, B})):
        async with portal.status_server(auth=auth) as client:
            cases = (await client.get("/v1/cases")).json()["cases"]
            reports = (await client.get("/v1/reports")).json()["reports"]
        assert {one["appliance"] for one in cases} == wanted
        assert {one["id"] for one in reports} == {f"{name}-daily-2026-01-01" for name in wanted}


async def test_pages_are_the_operators(portal: RunningPortal) -> None:
    """An account of appliances is told so when it tries to log on; its password opens no page."""
    for name, password, status, words in (
        (*portal.credentials, 403, "account of appliances"),
        (*OTHER, 403, "account of appliances"),
        (portal.operator[0], "wrong", 403, "is wrong"),
        (*portal.operator, 303, ""),
    ):
        async with portal.status_server(auth=None) as client:
            form = await client.get("/portal/logon")
            token = form.text.split('name="token" value="')[1].split('"')[0]
            data = {"token": token, "username": name, "password": password}
            reply = await client.post("/portal/logon", data=data)
            assert (reply.status_code, words in reply.text) == (status, True)
            assert (await client.get("/portal/products")).status_code == (200 if status == 303 else 303)


async def test_sftp_is_the_appliance_s_own_account_s(portal: RunningPortal, of_a: Held, of_b: Held) -> None:
    """Over SSH an account meets the folders of its own appliances; an operator is not let in."""
    with pytest.raises(asyncssh.PermissionDenied):
        async with portal.ssh(portal.operator[1], name=portal.operator[0]):
            pass
    name, packed = batch(B, first=7)
    async with portal.ssh(OTHER[1], name=OTHER[0]) as connection, connection.start_sftp_client() as mine:
        await mine.makedirs(f"logs/{B}", exist_ok=True)
        async with mine.open(f"logs/{B}/{name}.part", "wb") as file:
            await file.write(packed)
    before = kept(portal.home)
    async with portal.sftp() as client:
        for refused in (
            client.listdir(f"logs/{B}"),
            client.stat(f"logs/{B}/{name}.part"),
            client.open(f"logs/{B}/{name}.part", "rb"),
            client.open(f"logs/{B}/{name}.part", "wb"),
            client.open(f"logs/{B}/probe.part", "wb"),
            client.remove(f"logs/{B}/{name}.part"),
            client.mkdir(f"logs/{B}"),
            client.posix_rename(f"logs/{B}/{name}.part", f"logs/{B}/{name}"),
        ):
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="another account"):
                await refused
        assert B not in await client.listdir("logs")
    assert kept(portal.home) == before


async def test_an_appliance_is_moved_by_the_operator_alone(tmp_path: Path) -> None:
    """It stays with its account, removed from the list or not, until the operator moves it."""
    with running(tmp_path / "home") as portal:
        portal.command("account", "add", OTHER[0], stdin=f"{OTHER[1]}\n")
        await portal.register(A)
        assert portal.command("products", "remove", A).returncode == 0
        async with portal.status_server(auth=OTHER) as other:
            refused = await other.post("/v1/registration", json=registration(A))
            assert (refused.status_code, told(refused)) == (403, "other-account")
            assert portal.command("products", "move", A, "nobody").returncode == 1
            assert portal.command("products", "move", "tm-unknown", OTHER[0]).returncode == 1
            assert portal.command("products", "move", A, portal.operator[0]).returncode == 1
            assert portal.command("products", "move", A, OTHER[0]).returncode == 0
            again = registration(A, renew=True)
            assert (await other.post("/v1/registration", json=again)).status_code == 201
        assert (await portal.register(A)).status_code == 403


async def test_a_home_of_before(tmp_path: Path) -> None:
    """Its accounts stay the appliances', each keeps its own, and the first start makes an operator."""
    home = tmp_path / "home"
    with running(home) as portal:
        await portal.register(A)
        credentials, ports = portal.credentials, portal.ports
    with closing(sqlite3.connect(home / "portal.sqlite3", isolation_level=None)) as connection:
        connection.execute("DELETE FROM accounts WHERE role = 'operator'")
        connection.execute("INSERT INTO accounts VALUES ('operator', 'x:y', 4e9, 'appliance', '')")
    as_before(home / "portal.sqlite3", owners=False)
    (home / "operator-password").unlink()
    with running(home, *ports) as portal:
        assert portal.credentials == credentials
        assert portal.operator[0].startswith("operator-")  # the name was an appliance's account's
        assert (home / "operator-password").stat().st_mode & 0o777 == 0o600
        async with portal.operators() as client:
            assert (await client.get("/v1/products")).json()["products"][0]["appliance"] == A
        async with portal.status_server() as client:
            assert (await client.post("/v1/heartbeat", json=beat(A))).status_code == 200
        portal.command("account", "add", OTHER[0], stdin=f"{OTHER[1]}\n")
        async with portal.status_server(auth=OTHER) as client:
            assert (await client.post("/v1/heartbeat", json=beat(A))).status_code == 403


def test_operator_commands(tmp_path: Path) -> None:
    """Operators are made, listed and removed beside the portal, apart from the accounts; an admin stays."""
    with running(tmp_path / "home") as portal:
        made = portal.command("operator", "add", "eve", stdin="nine boats at sea\n")
        assert "eve (read-only) made" in made.stdout
        for words in (("remove", "operator"), ("role", "operator", "analyst")):
            refused = portal.command("operator", *words)
            assert (refused.returncode, "the last admin" in refused.stderr) == (1, True)
        assert portal.command("operator", "role", "nobody", "admin").returncode == 1
        assert portal.command("operator", "role", portal.ready["username"], "admin").returncode == 1
        assert portal.command("operator", "role", "eve", "admin").returncode == 0
        assert portal.command("operator", "role", "operator", "analyst").returncode == 0
        found = json.loads(portal.command("operator", "list", "--json").stdout)["operators"]
        assert {one["name"]: one["role"] for one in found} == {"eve": "admin", "operator": "analyst"}
        assert portal.command("operator", "role", "operator", "admin").returncode == 0
        assert portal.command("account", "add", "eve", stdin="x\n").returncode == 1
        assert "eve" in portal.command("operator", "list").stdout
        assert "eve" not in portal.command("account", "list").stdout
        assert portal.command("account", "remove", "eve").returncode == 1
        assert portal.command("account", "password", "eve", stdin="x\n").returncode == 1
        assert (portal.home / "operator-password").exists()
        assert portal.command("operator", "password", "operator", stdin="seven old bridges\n").returncode == 0
        assert not (portal.home / "operator-password").exists()
        assert portal.command("operator", "remove", "eve").returncode == 0
        assert "eve" not in portal.command("operator", "list").stdout
