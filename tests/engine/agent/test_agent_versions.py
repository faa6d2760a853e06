"""Which versions work together, told by both sides and checked by both; a refusal is quoted, safely."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_agent_beats import ANY_JSON, beating

from servers.certificates import Certificates
from tm_tui import __version__
from tm_tui.api.agent import ServerState
from tm_tui.link.failures import words_in
from tm_tui.status_server.protocol import is_older, portal_version
from tm_tui.text import is_safe


async def test_both_tell_what_they_are(certificates: Certificates, tmp_path: Path) -> None:
    """Registration and beat say product, version and protocol; what the portal says is shown."""
    async with beating(certificates, tmp_path) as it:
        it.portal.odd = {"product": "Threat Management Services Portal", "version": "3.1", "protocol": 1}
        await it.clock.idle()
        for body in (it.portal.registrations()[0], it.portal.heartbeats()[0]):
            assert (body["product"], body["version"], body["protocol"]) == (
                "Threat Mitigator",
                __version__,
                1,
            )
        told = it.status().portal
        assert told is not None
        assert (told.version, told.protocol, told.fits) == ("3.1", 1, True)
        assert it.service.alerts() == ()


async def test_a_portal_of_before_says_nothing_and_fits(certificates: Certificates, tmp_path: Path) -> None:
    """Without these members it is taken as what it was: nothing is shown, nothing is missing."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        assert it.status().state is ServerState.CONNECTED
        assert it.status().portal is None


async def test_another_protocol_is_an_alert(certificates: Certificates, tmp_path: Path) -> None:
    """A portal that accepts and speaks another version of the protocol is told, and stays connected."""
    async with beating(certificates, tmp_path) as it:
        it.portal.odd = {"protocol": 2}
        await it.clock.idle()
        assert it.status().state is ServerState.CONNECTED
        told = it.status().portal
        assert told is not None
        assert not told.fits
        assert "version 2 of the link protocol" in it.service.alerts()[0]


@pytest.mark.parametrize("path", ["registration", "heartbeat"])
@pytest.mark.parametrize(
    "answer",
    [
        (426, None, "version-refused"),
        (426, "too-old", "version-refused"),
        (400, "version-refused", "version-refused"),
        (403, "contract-ended", "http-forbidden"),
        (409, "elsewhere", "http-conflict"),
        (404, "no-such-path", "http-not-found"),
        (410, "gone", "http-refused"),
    ],
)
async def test_a_refusal_is_quoted(
    certificates: Certificates, tmp_path: Path, path: str, answer: tuple[int, str | None, str]
) -> None:
    """Whatever the server gives as its cause is shown as its words, and nothing reads "unregistered"."""
    status, code, shown = answer
    error = {"code": code, "cause": 'Buy "TMSP" 9.\x1b[2J' + "x" * 999, "remedy": "Ask\u202e Jo."}
    page = json.dumps({"error": error}) if code else "<html>Upgrade</html>"
    async with beating(certificates, tmp_path) as it:
        if path == "heartbeat":
            await it.clock.idle()
        it.portal.status[path], it.portal.page = status, page
        await it.clock.advance(601 if path == "heartbeat" else 2)
        await it.clock.idle()
        seen = it.status().last_failure
        assert seen is not None
        assert (it.status().state, seen.code) == (ServerState.FAILING, shown)
        if code:
            assert "It says: \"Buy 'TMSP' 9.\ufffd[2Jxxx" in seen.cause
            assert len(seen.cause) < 500
            assert seen.remedy.endswith('The server says: "Ask\ufffd Jo."')
        assert is_safe(seen.cause + seen.remedy, line_ends=False)


@given(ANY_JSON)
def test_whatever_a_portal_says_of_itself(value: object) -> None:
    """Nothing in a reply raises, and what is kept of it is short and safe."""
    told = portal_version({"product": value, "version": value, "protocol": value})
    if told is not None:
        assert is_safe(told.product + told.version, line_ends=False)
        assert len(told.version) <= 80
    words = words_in(json.dumps({"error": {"code": value, "cause": value, "remedy": value}}).encode())
    assert words is None or is_safe(words.cause + words.remedy, line_ends=False)


@given(st.binary())
def test_whatever_a_refusal_holds(body: bytes) -> None:
    """A body that is none of the protocol's is no quotation."""
    assert words_in(body) is None


@pytest.mark.parametrize(
    ("version", "older"),
    [
        ("0.1.0", False),
        ("0.1", False),
        ("0.0.9", True),
        ("0.0.9rc1", True),
        ("1.0", False),
        ("10", False),
        ("", False),
        ("unknown", False),
        ("0." + "9" * 9, False),
    ],
)
def test_older_versions_are_known(version: str, older: bool) -> None:
    """Numbers count as numbers; what has none is not refused for that."""
    assert is_older(version, "0.1") is older
