"""Rules of the portal that need a clock, chance or many inputs rather than a process."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from portals import batch, beat, registration
from sqlalchemy import Connection

from tm_tui.portal import notices, products
from tm_tui.portal.authority import ensure_certificate, names_for
from tm_tui.portal.batch_file import BatchName, is_appliance
from tm_tui.portal.database import opened
from tm_tui.portal.home import PortalHome
from tm_tui.portal.log import PortalLog
from tm_tui.portal.places import Kind, place_of
from tm_tui.status_server.protocol import HeartbeatRequest, Notice, RegistrationRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    async def wait(self, event: object, seconds: float) -> bool:
        raise NotImplementedError


@pytest.fixture
def connection(store: Path | str):
    with opened(store) as connection:
        yield connection


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_path_names_a_place_or_nothing(text: str) -> None:
    """No path of an SFTP client means a file outside logs/<appliance>, whatever it is made of."""
    place = place_of(f"logs/{text}".encode("utf-8", "surrogatepass"))
    assert place is None or place.appliance == "" or is_appliance(place.appliance)
    if place is not None and place.kind in {Kind.BATCH, Kind.PART}:
        assert place.batch is not None
        assert place.name in {place.batch.text, f"{place.batch.text}.part"}


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{2,62}", fullmatch=True), st.integers(0, 10**12 - 1))
def test_every_good_name_is_read_back(appliance: str, sequence: int) -> None:
    """A batch's name gives its appliance and sequence again, whatever the appliance is called."""
    name = BatchName.parse(f"{appliance}-{sequence:012d}-0123456789abcdef.ndjson.zst")
    assert name is not None
    assert (name.appliance, name.sequence, name.digest) == (appliance, sequence, "0123456789abcdef")


def test_silence_shows_as_missed_beats(connection: Connection) -> None:
    """An appliance is connected for two intervals after a beat; then it is missing, with a number."""
    products.register(connection, RegistrationRequest.model_validate(registration()), "account", NOW)

    def state(seconds: float) -> tuple[str, int]:
        (found,) = products.listed(connection, NOW + timedelta(seconds=seconds))
        return found.state, found.missed_beats

    assert [state(seconds) for seconds in (0, 5, 10, 11)] == [
        *(("waiting", 0), ("waiting", 0), ("waiting", 1), ("missing", 2))
    ]
    assert products.beat(connection, HeartbeatRequest.model_validate(beat()), NOW + timedelta(seconds=100))
    assert [state(seconds) for seconds in (90, 100, 105.4, 110, 111, 200)] == [
        *(("connected", 0), ("connected", 0), ("connected", 0), ("connected", 1), ("missing", 2)),
        ("missing", 18),
    ]


def test_notices_reach_whom_they_concern(connection: Connection) -> None:
    """An appliance is told what is for it and for all, the oldest first, and at most a hundred."""
    notices.announce(connection, Notice(kind="pattern", id="1", title="for all"), None, NOW)
    notices.announce(connection, Notice(kind="report", id="2"), "tm-lab-2", NOW)
    notices.announce(connection, Notice(kind="report", id="3"), "tm-lab-1", NOW)
    assert [notice.id for notice in notices.for_appliance(connection, "tm-lab-1")] == ["1", "3"]
    for number in range(200):
        notices.announce(connection, Notice(kind="pattern", id=f"n{number}"), None, NOW)
    found = notices.for_appliance(connection, "tm-lab-1")
    assert (len(found), found[-1].id) == (100, "n199")


def test_certificate_is_renewed_under_the_same_authority(tmp_path: Path) -> None:
    """A new address or a lost key gives a new certificate; the appliances keep their CA."""
    home = PortalHome(tmp_path / "home")
    home.prepare()
    names = names_for("127.0.0.1", ())
    assert ensure_certificate(home, names, NOW)
    authority = home.ca_file.read_bytes()
    assert not ensure_certificate(home, names, NOW)
    assert ensure_certificate(home, names_for("127.0.0.1", ("192.0.2.9",)), NOW)
    (home.path / "keys" / "server.key").unlink()
    assert ensure_certificate(home, names, NOW)
    certificate = x509.load_pem_x509_certificate((home.path / "keys" / "server.pem").read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    assert home.ca_file.read_bytes() == authority


def test_hammering_does_not_flood_the_log() -> None:
    """Somebody who sends nonsense without end does not fill the disk, and what is left out is counted."""
    stream, clock = io.StringIO(), HandClock()
    log = PortalLog(stream, clock)
    for _ in range(1000):
        log.refuse("refused", "192.0.2.1", path="/\x1b[2J")
    log.refuse("refused", "192.0.2.2", path="/")
    clock.seconds = 61
    log.refuse("refused", "192.0.2.1", path="/")
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(found) == 20 + 1 + 2
    assert (found[-2]["event"], found[-2]["lines"]) == ("not-logged", 980)
    assert "\x1b" not in stream.getvalue()
    assert "\\u001b" not in stream.getvalue()


def test_batch_names_of_the_helpers_are_good() -> None:
    """The tests' own batches are what they claim to be."""
    name, _ = batch()
    assert BatchName.parse(name)
    assert not BatchName.parse(f"{name}\n")
