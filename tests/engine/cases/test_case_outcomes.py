"""What a status server may answer to an upload: old state is kept, the reason shown, and it goes on."""

import hashlib

import pytest

from clock import FakeClock
from tm_tui.clock import SystemClock


def only(server):
    """The bytes that the server has whole."""
    whole = [bytes(data) for name, data in server.uploads.items() if len(data) == server.sizes[name]]
    assert len(whole) == 1
    return whole[0]


async def test_a_case_arrives_as_it_was_packed(appliance_at, server, evidence):
    """Creation with what analysts need to know, checksummed parts, and the same bytes at the other end."""
    appliance = appliance_at(server.port)
    number = await appliance.submit(evidence, threat="Trojan.Generic", description="ü")
    case = await appliance.until_state(number, "submitted")
    arrived = only(server)
    assert (len(arrived), hashlib.sha256(arrived).hexdigest()) == (case.packed_bytes, case.sha256)
    assert not appliance.book.pack_of(appliance.book.get(number)).exists()
    assert "filename" in server.metadata[0]
    assert server.requests[:4] == ["OPTIONS 204", "POST 201", "HEAD 200", "PATCH 204"]


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        ([("PATCH", "404")], ["PATCH 404", "POST 201"]),
        ([("PATCH", "410")], ["PATCH 410", "POST 201"]),
        ([("HEAD", "404")], ["HEAD 404", "POST 201"]),
        ([("HEAD", "410")], ["HEAD 410", "POST 201"]),
        ([("PATCH", "409")], ["PATCH 409", "HEAD 200", "PATCH 204"]),
        ([("PATCH", "460")], ["PATCH 460", "HEAD 200", "PATCH 204"]),
        ([("PATCH", "cut")], ["PATCH cut", "OPTIONS 204", "HEAD 200", "PATCH 204"]),
        ([("PATCH", "423")], ["PATCH 423", "OPTIONS 204", "HEAD 200", "PATCH 204"]),
        ([("PATCH", "500")], ["PATCH 500", "OPTIONS 204", "HEAD 200", "PATCH 204"]),
        ([("PATCH", "507")], ["PATCH 507", "OPTIONS 204", "HEAD 200", "PATCH 204"]),
        ([("PATCH", "503")], ["PATCH 503", "OPTIONS 204", "HEAD 200", "PATCH 204"]),
        ([("POST", "500")], ["POST 500", "OPTIONS 204", "POST 201"]),
        ([("OPTIONS", "405")], ["OPTIONS 405", "POST 201"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and isinstance(value[0], str) else "",
)
async def test_it_goes_on_where_the_server_stands(appliance_at, server, evidence, script, seen):
    """One bad answer costs what it has to and no more, and the bytes are right in the end."""
    server.script.extend(script)
    appliance = appliance_at(server.port)
    number = await appliance.submit(evidence)
    await appliance.until_state(number, "submitted")
    requests = [request for request in server.requests if not request.startswith("GET")]
    start = requests.index(seen[0])
    assert requests[start : start + len(seen)] == seen
    assert len(only(server)) == appliance.desk.get(number).packed_bytes


@pytest.mark.parametrize(
    "refused",
    [
        ("423", "case-locked"),
        ("409", "case-offset"),
        ("460", "case-checksum"),
        ("422", "case-checksum"),
        ("403", "http-forbidden"),
        ("500", "http-server-error"),
        ("507", "remote-disk-full"),
        ("429 Retry-After: 7\r\n", "http-busy"),
        ("418", "http-refused"),
    ],
)
async def test_a_lasting_refusal_is_shown_and_tried_again(appliance_at, server, evidence, refused):
    """Code, cause and remedy stand at the case, its file stays, and `send now` brings it over at last."""
    answer, code = refused
    server.script.extend([("PATCH", answer)] * 3)
    appliance = appliance_at(server.port, _Stopped())
    number = await appliance.submit(evidence)
    trouble = await appliance.until_trouble(number)
    case = appliance.desk.get(number)
    assert case.state == "waiting"
    assert case.last_failure.code == code
    assert "127.0.0.1" in case.last_failure.cause
    assert case.last_failure.remedy.endswith(".")
    assert appliance.book.pack_of(appliance.book.get(number)).stat().st_size == case.packed_bytes
    if "Retry-After" in answer:
        assert trouble.problem.retry_after == 7
        assert case.next_try_in_seconds == pytest.approx(7, abs=0.5)
    server.script.clear()
    appliance.desk.send_now()
    await appliance.until_state(number, "submitted")


class _Stopped(SystemClock):
    """Waits for events only: no time passes by which a case would be tried again."""

    def monotonic(self):
        return 1000.0

    async def wait(self, event, seconds):
        await event.wait()
        return True


@pytest.mark.parametrize("resumes", ["a beat", "an hour"])
async def test_a_refusal_does_not_last_for_good(resumes, appliance_at, server, evidence):
    """A portal that was ill for a moment gets its cases, with nobody at the console."""
    server.script.append(("OPTIONS", "401"))
    clock = FakeClock()
    appliance = appliance_at(server.port, clock)
    number = await appliance.submit(evidence)
    await appliance.until_trouble(number)
    if resumes == "a beat":
        appliance.uploads.beat_accepted()
    else:
        clock.suspend(1.1 * 3600 + 1)
    await appliance.until_state(number, "submitted")
    assert appliance.uploads.alerts() == ()


async def test_wrong_credentials_pause_all(appliance_at, server, evidence):
    """A password that is repeated locks the account: nothing more is tried, and the alert says so."""
    server.script.append(("OPTIONS", "401"))
    appliance = appliance_at(server.port, _Stopped())
    first, second = await appliance.submit(evidence), await appliance.submit(evidence / "logs")
    await appliance.until_trouble(first)
    await appliance.until_state(second, "waiting")
    assert appliance.desk.status(enabled=True).state == "paused"
    assert "paused" in appliance.uploads.alerts()[0]
    assert [one for one in server.requests if not one.startswith("GET")] == ["OPTIONS 401"]
    appliance.desk.send_now()
    await appliance.until_state(first, "submitted")
    await appliance.until_state(second, "submitted")


async def test_what_one_case_is_refused_does_not_hold_up_another(appliance_at, server, evidence):
    """A case that is too large for the server waits; the next one goes."""
    server.script.append(("POST", "413"))
    appliance = appliance_at(server.port, _Stopped())
    large = await appliance.submit(evidence)
    small = await appliance.submit(evidence / "logs")
    await appliance.until_state(small, "submitted")
    assert appliance.desk.get(large).last_failure.code == "case-too-large"


@pytest.mark.parametrize("most", [500_000, 65_536, 5_000, 4_096])
async def test_parts_get_as_small_as_a_proxy_wants_them(appliance_at, server, evidence, most):
    """A proxy that takes so much a request is told by its 413: the case goes in smaller parts, whole."""
    server.most_body = most
    appliance = appliance_at(server.port)
    number = await appliance.submit(evidence)
    await appliance.until_state(number, "submitted")
    assert len(only(server)) == appliance.desk.get(number).packed_bytes
    refused = server.requests.count("PATCH 413")
    assert 1 <= refused <= 12
    assert server.requests.count("POST 201") == 1
    await appliance.submit(evidence / "logs")
    second = await appliance.submit(evidence)
    await appliance.until_state(second, "submitted")
    assert server.requests.count("PATCH 413") == refused, "it is remembered for the next case"


async def test_a_proxy_that_takes_nothing_is_no_case_too_large(appliance_at, server, evidence):
    """Where not even 4 KiB pass, it is the way that is told, not the case."""
    server.most_body = 100
    appliance = appliance_at(server.port, _Stopped())
    number = await appliance.submit(evidence)
    trouble = await appliance.until_trouble(number)
    assert trouble.problem.code == "http-too-large"


async def test_a_server_that_says_its_limit_is_believed(appliance_at, server, evidence):
    """Nothing is sent that the server says beforehand it will not take."""
    server.about += "Tus-Max-Size: 1000\r\n"
    appliance = appliance_at(server.port, _Stopped())
    number = await appliance.submit(evidence)
    await appliance.until_trouble(number)
    assert appliance.desk.get(number).last_failure.code == "case-too-large"
    assert "PATCH 204" not in server.requests


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("https://elsewhere.example.com/v1/cases/{}", "http-foreign-address"),
        ("http://127.0.0.1/v1/cases/{}", "http-foreign-address"),
        ("", "reply-not-understood"),
        ("https://[::1", "reply-not-understood"),
        ("/v1/cases/\x1b[2J{}", "reply-not-understood"),
        ("/" + "x" * 2000, "reply-not-understood"),
    ],
)
async def test_an_address_elsewhere_is_not_followed(appliance_at, server, evidence, location, code):
    """Credentials and files go to the server that was set, whatever it announces."""
    server.location = location
    appliance = appliance_at(server.port, _Stopped())
    number = await appliance.submit(evidence)
    trouble = await appliance.until_trouble(number)
    assert trouble.problem.code == code


@pytest.mark.parametrize("location", ["http://127.0.0.1/v1/cases/{}", "https://tus.inner:8080/v1/cases/{}"])
async def test_an_inner_address_is_told_once_and_leaves_no_uploads(
    appliance_at, server, evidence, location, caplog
):
    """A server that knows its inner name only: what it made is taken back, no case makes more for a day."""
    server.location = location
    clock = FakeClock()
    appliance = appliance_at(server.port, clock)
    number = await appliance.submit(evidence)
    await appliance.until_trouble(number)
    assert server.uploads == {}
    other = await appliance.submit(evidence / "logs")
    await appliance.until_state(other, "waiting")
    appliance.uploads.beat_accepted()
    for _ in range(20):
        await clock.advance(3600)
    assert server.requests.count("POST 201") == 1
    assert len([line for line in caplog.messages if "http-foreign-address" in line]) == 1
    assert appliance.desk.status(enabled=True).state == "paused"
    (alert,) = appliance.uploads.alerts()
    assert "X-Forwarded-Proto" in alert
    server.location = "/v1/cases/{}"
    await clock.advance(7 * 3600, waiters=0)
    await appliance.until_state(number, "submitted")
    await appliance.until_state(other, "submitted")
    assert appliance.uploads.alerts() == ()


async def test_a_restart_goes_on(appliance_at, server, evidence):
    """The agent ends in the middle of an upload; the next one asks where it stands and sends the rest."""
    server.script.extend([("PATCH", "cut"), ("OPTIONS", "503")])
    first = appliance_at(server.port, _Stopped())
    number = await first.submit(evidence)
    await first.until_trouble(number)
    await first.stop()
    server.script.clear()
    (half,) = (len(data) for data in server.uploads.values())
    assert 0 < half < first.desk.get(number).packed_bytes
    second = appliance_at(server.port)
    await second.until_state(number, "submitted")
    assert len(server.uploads) == 1
    assert len(only(server)) == second.desk.get(number).packed_bytes


async def test_a_damaged_file_is_not_sent_as_if_it_were_right(appliance_at, server, evidence):
    """The packed file was damaged on this disk and the server found out: the case says so and stops."""
    server.script.append(("PATCH", "422"))
    server.script.appendleft(("OPTIONS", "503"))
    appliance = appliance_at(server.port, _Stopped())
    number = await appliance.submit(evidence)
    await appliance.until_trouble(number)
    pack = appliance.book.pack_of(appliance.book.get(number))
    raw = bytearray(pack.read_bytes())
    raw[1000] ^= 1
    pack.write_bytes(raw)
    appliance.desk.send_now()
    case = await appliance.until_state(number, "failed")
    assert "damaged on this disk" in case.last_failure.cause


async def test_cancel_in_the_middle_tells_the_server(appliance_at, server, evidence):
    """Giving a case up ends its upload, frees the disk here and the server's there."""
    appliance = appliance_at(server.port)
    appliance.bandwidth.set(20, 0)  # some 35 seconds for this case
    number = await appliance.submit(evidence)
    await appliance.until_state(number, "sending")
    await server.until(3)
    await appliance.desk.cancel(number, "root")
    await appliance.until(number, lambda _: not appliance.book.get(number).location)
    assert server.requests[-1] == "DELETE 204"
    assert server.uploads == {}
    assert appliance.desk.get(number).state == "cancelled"
    assert not appliance.book.pack_of(appliance.book.get(number)).exists()


async def test_switched_off_nothing_leaves(appliance_at, server, evidence):
    """While sending to TMSP is switched off a case is packed and waits; nothing is asked of the server."""
    appliance = appliance_at(server.port, enabled=False)
    number = await appliance.submit(evidence)
    await appliance.until_state(number, "waiting")
    assert appliance.desk.status(enabled=False).state == "disabled"
    assert server.requests == []


async def test_what_became_of_it_is_told(appliance_at, server, evidence):
    """Case ID, status and pattern are kept, whatever else stands in the list; hostile text is made safe."""
    told = {
        "upload": "u1",
        "case_id": "C-000007\x1b[2J",
        "status": "sample-downloaded",
        "received_at": "2026-11-25T10:00:00Z",
        "updated_at": "2026-11-25T11:00:00Z",
        "pattern_id": "42",
    }
    odd = [None, 7, {**told, "status": "of-a-later-version"}, {"upload": "u1"}]
    server.told = [*odd, told, {**told, "upload": "another", "case_id": "C-9"}, *[{"upload": "x"}] * 300]
    appliance = appliance_at(server.port)
    number = await appliance.submit(evidence)
    case = await appliance.until(number, lambda case: case.status is not None)
    assert (case.status, case.pattern_id) == ("sample-downloaded", "42")
    assert case.case_id == "C-000007\ufffd[2J"
    assert case.state == "submitted"


async def test_garbage_about_cases_changes_nothing(appliance_at, server, evidence):
    """A list that is not understood leaves what is known as it was, and the uploads go on."""
    server.script.append(("GET", '200 {"cases": 5}'))
    appliance = appliance_at(server.port)
    number = await appliance.submit(evidence)
    await appliance.until_state(number, "submitted")
    assert appliance.desk.get(number).case_id == ""
