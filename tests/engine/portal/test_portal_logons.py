"""Sessions and wrong passwords in the database: bounded, shared by processes, and no stranger's to misuse."""

import asyncio
import threading
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from portals import OpenPortal, beat, log_file, opened_portal
from pydantic import SecretStr
from sqlalchemy import func, select
from test_portal_pages import log_on, operator, token_in, visitor

from clock import FakeClock
from tm_tui.errors import TmError
from tm_tui.portal import accounts, audit, doorkeeper, sessions, tables, tries
from tm_tui.portal.database import opened
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, open_portal
from tm_tui.portal.sessions import IDLE_SECONDS, LONGEST_SECONDS
from tm_tui.portal.tries import Locked

NOW = 1_900_000_000.0
NEW = "seven old bridges"


def made(store: Path | str, *names: str) -> dict[str, str]:
    """Admins of these names; their hashes."""
    with opened(store) as connection:
        for name in names:
            accounts.add(connection, name, accounts.sealed(SecretStr(f"pass of {name}")), "admin")
        return {name: str(accounts.secret_of(connection, name)) for name in names}


def test_sessions_are_bounded(store: Path | str) -> None:
    """A hundred log-ons of one operator end his oldest sessions, and nobody else's."""
    secret = made(store, "ann", "bob")
    with opened(store) as connection:
        of_bob = sessions.begin(connection, "bob", secret["bob"], "", NOW)
        names = [sessions.begin(connection, "ann", secret["ann"], "", NOW + one) for one in range(100)]
        found = [sessions.find(connection, name, NOW + 100) is not None for name in names]
        assert found == [False] * 90 + [True] * 10
        assert sessions.find(connection, of_bob, NOW + 100) is not None
        assert len(set(names)) == 100
        assert min(len(name or "") for name in names) >= 43
        for odd in (None, "", "x", "x" * 5000, "\0", "ü"):
            assert sessions.find(connection, odd, NOW) is None
        stored = str(connection.execute(select(tables.sessions)).all())
        assert not [name for name in names if name and name in stored]


def test_a_session_ends(store: Path | str) -> None:
    """After a while without a request, after a shift whatever happens, and when the clock was set back."""
    secret = made(store, "ann")["ann"]
    with opened(store) as connection:
        name = sessions.begin(connection, "ann", secret, "", NOW)
        assert sessions.find(connection, name, NOW + IDLE_SECONDS - 1) is not None
        assert sessions.find(connection, name, NOW + IDLE_SECONDS + 1) is None
        assert sessions.find(connection, name, NOW - IDLE_SECONDS - 1) is None
        moment = NOW
        while moment < NOW + LONGEST_SECONDS - IDLE_SECONDS:
            moment += IDLE_SECONDS - 1
            found = sessions.find(connection, name, moment)
            assert found is not None
            assert found.stale
            sessions.touch(connection, found.key, moment)
        assert sessions.find(connection, name, NOW + LONGEST_SECONDS + 1) is None
        sessions.sweep(connection, NOW + LONGEST_SECONDS + 1)
        assert connection.execute(select(func.count()).select_from(tables.sessions)).scalar() == 0


def test_what_changes_an_account_ends_its_sessions(store: Path | str) -> None:
    """A password, a role, its removal: all sessions but the one that asked for it; a late log-on fails."""
    secret = made(store, "ann", "bob")["ann"]
    with opened(store) as connection:

        def two() -> tuple[str | None, str | None]:
            now_secret = accounts.secret_of(connection, "ann") or ""
            return tuple(sessions.begin(connection, "ann", now_secret, "", NOW) for _ in range(2))  # type: ignore[return-value]

        one, other = two()
        mine = sessions.find(connection, one, NOW)
        assert mine is not None
        accounts.set_password(connection, "ann", accounts.sealed(SecretStr("new")), "operator", but=mine.key)
        assert sessions.find(connection, one, NOW) is not None
        assert sessions.find(connection, other, NOW) is None
        assert sessions.begin(connection, "ann", secret, "", NOW) is None
        accounts.set_level(connection, "ann", "read-only")
        assert sessions.find(connection, one, NOW) is None
        one, _ = two()
        found = sessions.find(connection, one, NOW)
        assert found is not None
        assert found.level == "read-only"
        accounts.remove(connection, "ann", "operator")
        assert sessions.find(connection, one, NOW) is None


def test_an_admin_stays(store: Path | str) -> None:
    """The last one can be neither removed nor lowered, not by two who take each other away at once."""
    made(store, "ann", "bob")
    refused, both = [], threading.Barrier(2)

    def take(name: str) -> None:
        both.wait(60)
        try:
            with opened(store) as connection:
                accounts.remove(connection, name, "operator")
        except TmError as error:
            refused.append(error.cause)

    threads = [threading.Thread(target=take, args=(name,)) for name in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with opened(store) as connection:
        (left,) = accounts.listed(connection, "operator")
        assert refused == [f"{left.name} is the last admin, and cannot be removed."]
        with pytest.raises(TmError, match="cannot be lowered"):
            accounts.set_level(connection, left.name, "analyst")


def tried(store: Path | str, keys: tuple[str, ...], now: float) -> float:
    """One wrong password; for how long nothing is checked then."""
    with opened(store) as connection:
        tries.take(connection, keys, now)
        return tries.wait(connection, keys, now)


def test_a_name_is_locked_and_let_go(store: Path | str) -> None:
    """Five wrong ones, then half a minute, doubled up to a quarter of an hour; forgotten an hour later."""
    keys = tries.keys_of("ann", "192.0.2.1", known=False)
    assert [tried(store, keys, NOW) for _ in range(5)] == [0, 0, 0, 0, 30]
    with pytest.raises(Locked, match="Too many wrong passwords") as locked:
        tried(store, keys, NOW + 12)
    assert (locked.value.status, locked.value.remedy) == (429, "Try again in 18 s.")
    moment, waits = NOW, []
    for wait in (30, 60, 120, 240, 480, 900, 900):
        moment += wait
        waits.append(tried(store, keys, moment))
    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert tried(store, keys, moment + 3601 + 900) == 0


def test_a_stranger_locks_nobody_out(store: Path | str) -> None:
    """A known browser, other names and other addresses are checked while a name is locked."""
    keys = tries.keys_of("ann", "2001:db8::1", known=False)
    for _ in range(5):
        tried(store, keys, NOW)
    with opened(store) as connection:
        for name, source, known, free in (
            ("ann", "2001:db8::1", True, True),
            ("ann", "198.51.100.7", False, False),
            ("bob", "2001:db8::1", False, True),
        ):
            left = tries.wait(connection, tries.keys_of(name, source, known=known), NOW)
            assert (left == 0) == free, (name, source, known)
        accounts.add(connection, "ann", accounts.sealed(SecretStr("x")), "admin")
        accounts.set_password(connection, "ann", accounts.sealed(SecretStr("y")), "operator")
        assert tries.wait(connection, tries.keys_of("ann", "198.51.100.7", known=False), NOW) == 0


def test_an_address_is_locked_whatever_it_tries(store: Path | str) -> None:
    """Twenty names from one network of IPv6; a right password of its own in between changes nothing."""
    for number in range(19):
        tried(store, tries.keys_of(f"n{number}", f"2001:db8::{number:x}", known=False), NOW)
        with opened(store) as connection:
            own = tries.keys_of("mallory", "2001:db8::9", known=False)
            tries.take(connection, own, NOW)
            tries.right(connection, own)
    assert tried(store, tries.keys_of("last", "2001:db8::ffff", known=False), NOW) == 30
    with opened(store) as connection:
        assert tries.wait(connection, tries.keys_of("x", "2001:db8:0:1::1", known=False), NOW) == 0


def test_a_flood_is_a_few_lines(store: Path | str) -> None:
    """A thousand wrong ones are one line of the audit for the name, one for all that nobody has."""
    with opened(store) as connection:
        for number in range(500):
            tries.failed(connection, "ann", f"192.0.2.{number % 200}", NOW + number)
            tries.failed(connection, "", "192.0.2.9", NOW + number)
        tries.failed(connection, "ann", "192.0.2.1", NOW + 3600)
        found = audit.page(connection, None, 50)
    assert [(one.who, one.what, one.subject) for one in reversed(found)] == [
        ("ann", "logon-failed", "500 times, the last from 192.0.2.99"),
        ("a name that nobody has", "logon-failed", "500 times, the last from 192.0.2.9"),
        ("ann", "logon-failed", "once"),
    ]


def test_tries_are_bounded(store: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses without end make room for each other, those first that are not locked."""
    monkeypatch.setattr(tries, "_MOST", 50)
    monkeypatch.setattr(tries, "_MADE_FREE", 10)
    for _ in range(5):
        tried(store, ("name/locked",), NOW)
    with opened(store) as connection:
        for number in range(300):
            tries.take(connection, (f"from/{number}",), NOW)
        assert connection.execute(select(func.count()).select_from(tables.logon_tries)).scalar_one() <= 51
        assert tries.wait(connection, ("name/locked",), NOW) == 30


async def test_a_lock_is_said_with_its_time(tmp_path: Path) -> None:
    """Known and unknown names alike; the operator's own browser still gets in, scripts wait as others do."""
    clock = FakeClock(datetime.now(UTC))
    home = tmp_path / "portal"
    with log_file(home).open("a") as stream:
        async with open_portal(PortalOptions(home), PortalLog(stream, clock), clock) as (ready, _):
            portal = OpenPortal(home, ready.model_dump())
            async with operator(portal) as own, visitor(portal) as stranger:
                for name in (portal.operator[0], "nobody at all"):
                    replies = [await wrong(stranger, name) for _ in range(7)]
                    assert [one.status_code for one in replies] == [403] * 5 + [429] * 2
                    assert "Too many wrong passwords were given. Try again in 30 s." in replies[-1].text
                    assert replies[-1].headers["retry-after"] == "30"
                assert (await log_on(stranger, portal)).status_code == 429
                async with portal.operators() as script:
                    assert (await script.get("/v1/products")).status_code == 401
                await leave(own)
                assert (await log_on(own, portal)).status_code == 303
                await wrong(stranger, portal.operator[0])  # the log-on began the name anew
                lines = [
                    one for one in (await own.get("/portal/audit.csv")).text.splitlines() if "failed" in one
                ]
                assert len(lines) == 2, lines


async def test_scripts_where_they_always_come_from(tmp_path: Path) -> None:
    """Strangers who try an operator's name keep no script out of its usual network, not after a restart."""
    clock, home = FakeClock(datetime.now(UTC)), tmp_path / "portal"
    async with AsyncExitStack() as stack:
        stream = stack.enter_context(log_file(home).open("a"))

        async def begun() -> OpenPortal:
            opening = open_portal(PortalOptions(home), PortalLog(stream, clock), clock)
            return OpenPortal(home, (await stack.enter_async_context(opening))[0].model_dump())

        async def asked(source: str, password: str = "") -> int:
            async with portal.status_server(source=source, auth=(name, password or right)) as client:
                return (await client.get("/v1/products")).status_code

        portal = await begun()
        name, right = portal.operator
        assert await asked("127.0.0.2") == 200
        wrong_ones = (asked("127.0.0.3", "wrong") for _ in range(7))
        assert await asyncio.gather(*wrong_ones) == [401] * 7
        assert [await asked(one) for one in ("127.0.0.3", "127.0.0.4", "127.0.0.2")] == [401, 401, 200]
        async with visitor(portal) as stranger:
            assert (await log_on(stranger, portal)).status_code == 429
        await stack.aclose()
        stream = stack.enter_context(log_file(home).open("a"))
        portal = await begun()
        assert [await asked(one) for one in ("127.0.0.4", "127.0.0.2")] == [401, 200]
        wrong_ones = (asked("127.0.0.2", "wrong") for _ in range(5))
        assert await asyncio.gather(*wrong_ones) == [401] * 5
        assert await asked("127.0.0.2") == 401  # its own wrong ones count
        assert portal.command("operator", "password", name, stdin=f"{NEW}\n").returncode == 0
        assert await asked("127.0.0.2", NEW) == 200


async def test_a_flood_is_in_nobody_s_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers from many addresses are compared one by one, few wait, others are told when to come again.

    Beats, an operator's own browser and scripts from where they always came go on, right after a restart too.
    """
    async with opened_portal(tmp_path / "portal") as portal, operator(portal) as own:
        await portal.register()
        async with portal.operators() as script:
            assert (await script.get("/v1/products")).status_code == 200
        mark = own.cookies["__Host-tmsp-known"]
    over, begun = threading.Event(), threading.Event()
    running = [0, 0]

    def compared(secret: str, plain: bytes) -> bool:
        if plain != b"flood":
            return accounts.matches(secret, plain)
        running[:] = running[0] + 1, max(running[1], running[0] + 1)
        begun.set()
        assert over.wait(60)
        running[0] -= 1
        return False

    monkeypatch.setattr(doorkeeper, "matches", compared)
    async with AsyncExitStack() as stack, opened_portal(tmp_path / "portal") as portal:
        stack.callback(over.set)

        async def flood(number: int) -> httpx.Response:
            auth, source = (f"name-{number}", "flood"), f"127.0.{number // 250 + 1}.{number % 250 + 1}"
            client = await stack.enter_async_context(portal.status_server(auth=auth, source=source))
            return await client.get("/v1/products")

        tasks = [asyncio.create_task(flood(number)) for number in range(90)]
        done, waiting = set(), set(tasks)
        while len(done) < 90 - doorkeeper.MOST_WAITING:
            some, waiting = await asyncio.wait(waiting, timeout=60, return_when=asyncio.FIRST_COMPLETED)
            assert some
            done |= some
        assert await asyncio.to_thread(begun.wait, 60)
        refused = [task.result() for task in done]
        assert {(one.status_code, one.headers["retry-after"]) for one in refused} == {(503, "5")}
        async with portal.status_server() as appliance:
            assert (await appliance.post("/v1/heartbeat", json=beat())).status_code == 200
        async with portal.operators() as script:
            assert (await script.get("/v1/products")).status_code == 200
        async with visitor(portal) as stranger:
            reply = await log_on(stranger, portal, "wrong")
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
            stranger.cookies.set("__Host-tmsp-known", mark, "127.0.0.1")
            assert (await log_on(stranger, portal, "wrong")).status_code == 403  # it was checked
            assert (await log_on(stranger, portal)).status_code == 303
        over.set()
        assert {task.result().status_code for task in (await asyncio.wait(waiting, timeout=60))[0]} == {401}
        assert (running, len(waiting)) == ([0, 1], doorkeeper.MOST_WAITING)


async def leave(client: httpx.AsyncClient) -> None:
    page = await client.get("/portal/products")
    assert (await client.post("/portal/logoff", data={"token": token_in(page)})).status_code == 303


async def wrong(client: httpx.AsyncClient, name: str) -> httpx.Response:
    form = {"token": token_in(await client.get("/portal/logon")), "username": name, "password": "wrong"}
    return await client.post("/portal/logon", data=form)


async def test_one_s_own_password(tmp_path: Path) -> None:
    """The old one is asked, the new one twice; other sessions end, this one and its browser go on."""
    async with opened_portal(tmp_path / "portal") as portal:
        name, old = portal.operator
        async with operator(portal) as here, operator(portal) as there:
            asked = await here.get("/portal/password")
            form = {"token": token_in(asked), "old": old, "new": NEW, "again": NEW}
            for status, words, more in (
                (422, "not the same", {"again": "other"}),
                (422, "is the old one", {"new": old, "again": old}),
                (422, "needed", {"new": "", "again": ""}),
                (422, "has 12 characters or more", {"new": "eleven sign", "again": "eleven sign"}),
                (422, "tried first", {"new": f"{name}-Portal1", "again": f"{name}-Portal1"}),
                (403, "old password is wrong", {"old": "x"}),
            ):
                reply = await here.post("/portal/password", data={**form, **more})
                assert (reply.status_code, words in reply.text) == (status, True), words
            mark = here.cookies["__Host-tmsp-known"]
            assert (await there.get("/portal/products")).status_code == 200
            assert (await here.post("/portal/password", data=form)).status_code == 303
            assert "Your password is changed" in (await here.get("/portal/products")).text
            assert "Your password is changed" not in (await here.get("/portal/products")).text
            assert (await there.get("/portal/products")).status_code == 303
            assert here.cookies["__Host-tmsp-known"] != mark
            assert not (portal.home / "operator-password").exists()
            taken = (await here.get("/portal/audit.csv")).text
            assert f"{name},127.0.0.1,password-changed" in taken
            assert NEW not in taken + portal.log_file.read_text()


async def test_logging_off_everywhere_else(tmp_path: Path) -> None:
    """One's sessions are listed with where they came from; one button ends all but this one, and is noted."""
    async with opened_portal(tmp_path / "portal") as portal, operator(portal) as here:
        async with operator(portal) as there, portal.status_server(source="127.0.0.9", auth=None) as far:
            assert (await log_on(far, portal)).status_code == 303
            page = await here.get("/portal/password")
            assert (page.text.count("(this session)"), page.text.count('data-label="From"')) == (1, 3)
            assert "127.0.0.9" in page.text
            form = {"token": token_in(page), "do": "log-off"}
            assert (await here.post("/portal/password", data=form)).status_code == 303
            for client, status in ((here, 200), (there, 303), (far, 303)):
                assert (await client.get("/portal/password")).status_code == status
            page = await here.get("/portal/password")
            assert "Log off everywhere else" not in page.text
            await leave(here)
            await log_on(here, portal)
            taken = (await here.get("/portal/audit.csv")).text
        name = portal.operator[0]
        for deed in (f"{name},127.0.0.1,sessions-ended,{name}", f"{name},127.0.0.1,logged-off,"):
            assert deed in taken


async def test_accounts_on_their_page(tmp_path: Path) -> None:
    """Made with a password shown once, given a role, given a new password, removed; all in the audit."""
    async with opened_portal(tmp_path / "portal") as portal, operator(portal) as admin:
        token = token_in(await admin.get("/portal/accounts"))

        async def sent(path: str, **form: str) -> httpx.Response:
            return await admin.post(f"/portal/accounts{path}", data={"token": token, **form})

        shown = await sent("", name="eve & co", kind="analyst")
        assert "eve &amp; co" in shown.text
        password = shown.text.split('class="secret">')[1].split("<")[0]
        assert "already" in (await sent("", name="eve & co", kind="appliances")).text
        assert (await sent("", name="x", kind="emperor")).status_code == 422
        assert (await sent("", name="", kind="admin")).status_code == 409
        assert password not in (await admin.get("/portal/accounts")).text
        async with portal.status_server(auth=("eve & co", password)) as script:
            assert (await script.get("/v1/products")).status_code == 200
        one = "/one?name=eve%20%26%20co"
        assert (await sent(one, do="role", role="admin")).status_code == 303
        assert "eve &amp; co is admin now." in (await admin.get("/portal/accounts")).text
        async with portal.status_server(auth=None) as eve:
            shown = await eve.get("/portal/logon")
            form = {"token": token_in(shown), "username": "eve & co", "password": password}
            assert (await eve.post("/portal/logon", data=form)).status_code == 303
            assert "Log off eve &amp; co" in (await admin.get(f"/portal/accounts{one}")).text
            assert (await sent(one, do="log-off")).status_code == 303
            assert (await eve.get("/portal/products")).status_code == 303
            assert "Log off eve" not in (await admin.get(f"/portal/accounts{one}")).text
        again = (await sent(one, do="password")).text.split('class="secret">')[1].split("<")[0]
        async with portal.status_server(auth=("eve & co", again)) as script:
            assert (await script.get("/v1/products")).status_code == 200
        own = f"?name={portal.operator[0]}"
        for path in (f"/one{own}", f"/remove{own}"):
            refused = await sent(path, do="role", role="read-only")
            assert (refused.status_code, "your own account" in refused.text) == (409, True)
        assert (await admin.get("/portal/accounts/remove?name=nobody")).status_code == 404
        assert "Remove eve" in (await admin.get("/portal/accounts/remove?name=eve%20%26%20co")).text
        assert (await sent("/remove?name=eve%20%26%20co")).status_code == 303
        registering = await sent(f"/one?name={portal.credentials[0]}", do="password")
        assert registering.status_code == 200
        assert not (portal.home / "password").exists()
        deeds = [line.split(",")[4] for line in (await admin.get("/portal/audit.csv")).text.splitlines()[1:]]
        assert deeds == [
            *("account-password-set", "operator-removed", "operator-password-set", "sessions-ended"),
            *("logged-on", "operator-role-set", "operator-added", "logged-on"),
        ]
        assert password not in portal.log_file.read_text()
