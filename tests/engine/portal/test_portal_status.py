"""The status server: who gets in, what is registered, which beats count, and what happens to bad input."""

import asyncio
import base64
import json
import ssl
from datetime import UTC, datetime

import httpx
import pytest
from portals import RunningPortal, beat, registration

BEAT, REGISTRATION = "/v1/heartbeat", "/v1/registration"


async def product(portal: RunningPortal, appliance: str) -> dict[str, object] | None:
    async with portal.operators() as client:
        found = (await client.get("/v1/products")).json()["products"]
    return next((one for one in found if one["appliance"] == appliance), None)


async def test_registration_is_new_once(portal: RunningPortal) -> None:
    """An appliance that registers twice is in the list once, since the first time, with the newest values."""
    first = await portal.register("tm-twice", email="one@example.com")
    again = await portal.register("tm-twice", email="two@example.com")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["registered_at"] == again.json()["registered_at"]
    found = await product(portal, "tm-twice")
    assert found is not None
    assert (found["email"], found["state"], found["beats"]) == ("two@example.com", "waiting", 0)


async def test_beat_counts(portal: RunningPortal) -> None:
    """A beat of a registered appliance is answered with the time, and seen in Registered Products."""
    await portal.register("tm-beats")
    async with portal.status_server() as client:
        for revision in (1, 2):
            reply = await client.post(BEAT, json=beat("tm-beats", revision=revision, waiting_events=7))
            assert (reply.status_code, reply.json()["notices"]) == (200, [])
            assert reply.json()["server_time"]
    found = await product(portal, "tm-beats")
    assert found is not None
    assert (found["beats"], found["state"], found["missed_beats"]) == (2, "connected", 0)
    assert (found["revision"], found["waiting_events"]) == (2, 7)
    assert abs(found["clock_skew_seconds"]) < 5
    assert found["last_beat_age_seconds"] >= 0


async def test_probe_beat_is_checked_and_not_counted(portal: RunningPortal) -> None:
    """The connection test learns that beats would be taken, registered or not, and nothing is counted."""
    await portal.register("tm-probed")
    async with portal.status_server() as client:
        for appliance in ("tm-probed", "tm-never-registered"):
            assert (await client.post(BEAT, json=beat(appliance, probe=True))).status_code == 200
        assert (await client.post(BEAT, json=beat("tm-probed", probe=True, revision=-1))).status_code == 422
    found = await product(portal, "tm-probed")
    assert found is not None
    assert found["beats"] == 0
    assert await product(portal, "tm-never-registered") is None


async def test_unregistered_beat_is_404_until_registered(portal: RunningPortal) -> None:
    """A beat of an appliance that nobody registered is told so; it registers, and is taken."""
    async with portal.status_server() as client:
        reply = await client.post(BEAT, json=beat("tm-comes-and-goes"))
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not-registered")
        await portal.register("tm-comes-and-goes")
        assert (await client.post(BEAT, json=beat("tm-comes-and-goes"))).status_code == 200


async def test_removed_until_its_admin_wants_it_back(portal: RunningPortal) -> None:
    """It stays off the list, and hears why, until its admin renews it or an operator readmits it."""
    name = "tm-removed"
    path = f"/v1/products/{name}"
    async with portal.status_server() as client:
        for back in ("renew", "readmit"):
            await portal.register(name)
            assert (await client.delete(path, auth=portal.operator)).status_code == 204
            assert (await client.delete(path, auth=portal.operator)).status_code == 404
            for asked, body in ((BEAT, beat(name)), ("/v1/registration", registration(name))):
                reply = await client.post(asked, json=body)
                told = reply.json()
                assert (reply.status_code, told["cause"], told["error"]["code"]) == (
                    410,
                    "removed",
                    "removed",
                )
                since = datetime.now(UTC) - datetime.fromisoformat(told["removed_at"])
                assert since.total_seconds() < 60
            assert (await client.post(BEAT, json=beat(name, probe=True))).status_code == 200
            assert await product(portal, name) is None
            shown = json.loads(portal.command("products", "removed", "--json").stdout)["removed"]
            assert [(one["appliance"], one["removed_by"]) for one in shown] == [(name, portal.operator[0])]
            if back == "readmit":
                assert portal.command("products", "readmit", name).returncode == 0
                assert portal.command("products", "readmit", name).returncode == 1
                assert (await client.post(BEAT, json=beat(name))).status_code == 404
            assert (await portal.register(name, renew=back == "renew")).status_code == 201
            assert (await client.post(BEAT, json=beat(name))).status_code == 200
            assert "No appliance was removed." in portal.command("products", "removed").stdout


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer abc",
        "Basic",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + base64.b64encode(b"registering-user:\xff\xfe").decode(),
        "Basic " + base64.b64encode(b"registering-user:wrong").decode(),
        "Basic " + base64.b64encode(b"nobody:wrong").decode(),
        "Basic " + base64.b64encode(b"registering-user:" + b"x" * 2000).decode(),
        "Basic " + base64.b64encode(b"registering-user\0:").decode(),
        "Basic " + base64.b64encode(b"registering-user' OR 1=1 --:x").decode(),
    ],
)
async def test_wrong_credentials_are_401(portal: RunningPortal, header: str | None) -> None:
    """Without the right password the only answer is 401 with its challenge, whatever the path."""
    headers = {} if header is None else {"authorization": header}
    async with portal.status_server(auth=None) as client:
        paths = (BEAT, "/v1/products", "/nothing")
        asked = (client.request("POST", path, json=beat(), headers=headers) for path in paths)
        for reply in await asyncio.gather(*asked):
            assert reply.status_code == 401
            assert reply.headers["www-authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 60000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'"x"', "application/json; charset=utf-8", 422),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b" " * 70000, "application/json", 413),
        (b" " * (8 << 20), "application/json", 413),
    ],
    ids=lambda value: value[:10] if isinstance(value, bytes | str) else str(value),
)
async def test_bad_bodies_have_their_status(
    portal: RunningPortal, content: bytes, media_type: str, status: int
) -> None:
    """Each kind of bad body gets its own status and an error in plain words, and the portal goes on."""
    headers = {"content-type": media_type} if media_type else {}
    async with portal.status_server() as client:
        for path in (BEAT, REGISTRATION):
            reply = await client.post(path, content=content, headers=headers)
            assert reply.status_code == status
            assert set(reply.json()["error"]) == {"code", "cause", "remedy"}
        assert (await client.get("/v1/products", auth=portal.operator)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"appliance": "../../etc"},
        {"appliance": "tm-lab-1\n"},
        {"appliance": "TM"},
        {"appliance": "a" * 64},
        {"appliance": None},
        {"heartbeat_seconds": 4},
        {"heartbeat_seconds": 1 << 70},
        {"edition": "both"},
    ],
)
async def test_registration_of_nonsense_is_422(portal: RunningPortal, change: dict[str, object]) -> None:
    """What breaks a rule is refused with the field's name, and without repeating what was sent."""
    async with portal.status_server() as client:
        reply = await client.post(REGISTRATION, json=registration() | change)
    assert reply.status_code == 422
    assert next(iter(change)) in reply.json()["error"]["cause"]
    assert "etc" not in reply.text


@pytest.mark.parametrize(
    "change",
    [
        {"sent_at": "2026-01-01T00:00:00"},
        {"sent_at": "yesterday"},
        {"revision": 1 << 63},
        {"waiting_events": 1 << 80},
        {"uptime_seconds": 1e300},
        {"uptime_seconds": -1},
    ],
)
async def test_beat_with_impossible_values_is_422(portal: RunningPortal, change: dict[str, object]) -> None:
    """Numbers that no database keeps, and times without a zone, are refused and not a crash."""
    await portal.register("tm-numbers")
    async with portal.status_server() as client:
        reply = await client.post(BEAT, json=beat("tm-numbers") | change)
    assert reply.status_code == 422
    assert next(iter(change)) in reply.json()["error"]["cause"]


@pytest.mark.parametrize("odd", [{"notices": [1] * 20_000}, {f"k{number}": 1 for number in range(5000)}])
async def test_a_beat_of_too_many_parts_is_413(portal: RunningPortal, odd: dict[str, object]) -> None:
    """It is refused before each part is judged, at which every other product would wait."""
    await portal.register("tm-many")
    async with portal.status_server() as client:
        reply = await client.post(BEAT, json=beat("tm-many") | odd)
    assert reply.status_code == 413
    assert "more than 1000 keys" in reply.json()["error"]["cause"]


async def test_times_at_the_ends_of_the_calendar_are_taken(portal: RunningPortal) -> None:
    """An appliance whose clock is centuries off still gets the right time in reply."""
    await portal.register("tm-calendar")
    async with portal.status_server() as client:
        for sent_at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
            assert (await client.post(BEAT, json=beat("tm-calendar", sent_at=sent_at))).status_code == 200


async def test_wrong_methods_and_paths(portal: RunningPortal) -> None:
    """A wrong method is 405, a wrong path 404 that cannot be taken for an unregistered appliance."""
    async with portal.status_server() as client:
        reply = await client.get(BEAT)
        assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
        reply = await client.post("/v2/heartbeat", json=beat())
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "no-such-path")


async def test_remote_text_is_made_safe(portal: RunningPortal) -> None:
    """Escapes in a version or an e-mail reach neither the list nor the operator's terminal."""
    await portal.register("tm-escapes", version="\x1b]0;owned\x07", email="\x9b2J\u202e")
    found = await product(portal, "tm-escapes")
    assert found is not None
    assert found["version"] == "\ufffd]0;owned\ufffd"
    shown = portal.command("products", "list").stdout
    assert "tm-escapes" in shown
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(shown)


async def test_certificate_must_be_ours(portal: RunningPortal) -> None:
    """A client that trusts the system's authorities only, or speaks TLS 1.1, gets no connection."""
    url = f"https://127.0.0.1:{portal.ready['status_server']['port']}/v1/products"
    async with httpx.AsyncClient(trust_env=False) as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.get(url)
    old = ssl.create_default_context(cafile=portal.ready["ca_file"])
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    async with httpx.AsyncClient(verify=old, trust_env=False) as outdated:
        with pytest.raises(httpx.ConnectError):
            await outdated.get(url)


async def test_log_names_requests_and_hides_passwords(portal: RunningPortal) -> None:
    """The operator sees each refusal with its source, as JSON lines without a password in them."""
    async with portal.status_server(auth=("registering-user", "canary-7f3a")) as client:
        await client.get("/v1/products")
    text = portal.log_file.read_text()
    assert "canary-7f3a" not in text
    assert portal.password not in text
    assert base64.b64encode(b"registering-user:canary-7f3a").decode() not in text
    refused = [line for line in portal.logged() if line["event"] == "refused"]
    assert {"source", "method", "path", "status"} <= set(refused[-1])


async def test_versions_are_told_and_checked(portal: RunningPortal) -> None:
    """Each reply says what the portal is; an agent that does not fit hears why, and nothing is registered."""
    name = "tm-versions"
    async with portal.status_server() as client:
        for refused in ({"protocol": 2}, {"version": "0.0.9"}):
            for path, body in ((REGISTRATION, registration(name)), (BEAT, beat(name, probe=True))):
                reply = await client.post(path, json={**body, **refused})
                error = reply.json()["error"]
                assert (reply.status_code, error["code"]) == (426, "version-refused")
                assert reply.headers["upgrade"] == "TMSP/1"
                assert error["cause"]
                assert error["remedy"]
        assert await product(portal, name) is None
        for path, body in ((REGISTRATION, registration(name)), (BEAT, beat(name))):  # as agents of before
            told = (await client.post(path, json=body)).json()
            assert (told["product"], told["protocol"]) == ("Threat Management Services Portal", 1)
            assert told["version"]
        for odd in ({"protocol": 0}, {"protocol": "1.5"}, {"product": "Another"}):
            assert (await client.post(BEAT, json=beat(name, **odd))).status_code == 422
