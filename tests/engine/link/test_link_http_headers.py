"""Header values from outside: whatever a peer sends is read or passed over, and nothing is raised."""

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_tui.link.http_headers import auth_schemes, http_date, retry_after_seconds
from tm_tui.link.http_status import for_status
from tm_tui.link.types import Endpoint

FAR = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"
MOMENTS = st.integers(86400, 7258032000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
DATE_LIKE = st.from_regex(
    r"[A-Z][a-z]{2},? [0-9]{1,3} (Jan|Feb|XXX) -?[0-9]{1,25} [0-9]{1,3}:[0-9]{1,30}(:[0-9]{1,3})?"
    r" ?(GMT|[+-][0-9]{1,12})?",
    fullmatch=True,
)
ANY_VALUE = st.one_of(st.text(max_size=200), DATE_LIKE, st.just(FAR), st.integers().map(str))


@pytest.mark.parametrize(
    "value",
    [
        FAR,
        "Mon, 01 Jan 1200 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 2026 00:00:00 +99999999",
    ],
)
def test_a_date_of_no_clock_asks_for_nothing(value: str) -> None:
    """A Retry-After in the year 99999999999999999999 once ended beats and deliveries for good."""
    assert http_date(value) is None
    assert retry_after_seconds({"retry-after": value}) is None
    assert for_status(503, {"retry-after": value}, Endpoint("tmsp.example.com", 443)).retry_after is None


@given(ANY_VALUE, ANY_VALUE)
def test_any_value_is_read_or_passed_over(value: str, now: str) -> None:
    """No header of a server ends a task: a wait is some seconds up to an hour, a date one of our time."""
    wait = retry_after_seconds({"retry-after": value, "date": now})
    assert wait is None or 0 <= wait <= 3600
    moment = http_date(value)
    assert moment is None or (moment.tzinfo is UTC and 1969 < moment.year < 2202)


@given(MOMENTS, st.integers(-23 * 60, 23 * 60))
def test_dates_of_our_time_are_read(moment: datetime, minutes: int) -> None:
    """All three forms of RFC 9110, and zones that it forbids and servers send, mean the moment they say."""
    assert http_date(format_datetime(moment, usegmt=True)) == moment
    assert http_date(moment.strftime("%a %b %e %H:%M:%S %Y")) == moment
    zoned = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert http_date(format_datetime(zoned)) == (moment if 1970 <= zoned.year <= 2200 else None)


@given(st.integers(0, 10**30), st.integers(0, 40))
def test_seconds_are_read_however_long_they_are(seconds: int, zeros: int) -> None:
    """A number of any length counts as what it says, an hour at most."""
    assert retry_after_seconds({"retry-after": "0" * zeros + str(seconds)}) == min(seconds, 3600)


@pytest.mark.parametrize(
    ("value", "schemes"),
    [
        ('Digest realm="basic"', {"digest"}),
        ('Digest realm="a, Basic b", nonce="c", Basic realm="d"', {"digest", "basic"}),
        ('Digest realm="a\\", Basic b"', {"digest"}),
        ('Digest realm = "a" , basic = "b"', {"digest"}),
        ("Negotiate, NTLM", {"negotiate", "ntlm"}),
        ("Negotiate YWJj==, bASIC", {"negotiate", "basic"}),
        ('Bearer realm="x", error="basic"', {"bearer"}),
        ("Basic", {"basic"}),
        (", ,Basic realm=x,", {"basic"}),
        ('Digest realm="never ends, Basic realm=x', {"digest"}),
        ("", set()),
    ],
)
def test_challenges_are_told_by_their_scheme(value: str, schemes: set[str]) -> None:
    """A realm called "basic" is no offer of Basic; two challenges in one header are two."""
    assert auth_schemes([value]) == schemes


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("", "http-auth-refused"),
        ('Digest realm="basic"', "http-auth-method"),
        ("Negotiate, NTLM", "http-auth-method"),
        ('Digest realm="x", Basic realm="y"', "http-auth-refused"),
    ],
)
def test_a_server_that_wants_another_logon(wanted: str, code: str) -> None:
    """A server that takes no Basic is not told as a wrong password."""
    headers = {"www-authenticate": wanted} if wanted else {}
    assert for_status(401, headers, Endpoint("tmsp.example.com", 443)).code == code


@given(st.lists(st.text(max_size=300), max_size=5))
def test_any_challenge_is_read(values: list[str]) -> None:
    """Whatever a peer sends as a challenge names some schemes or none."""
    assert all(one == one.lower() and one.isascii() for one in auth_schemes(values))


@pytest.mark.parametrize("item", ['"', '\\"', '"\\', "a", "a ", "a=", "a,", '"a",', " ", "\\"])
@pytest.mark.parametrize("first", ["", '"', "Basic "])
def test_a_challenge_takes_no_longer_than_its_length_says(item: str, first: str) -> None:
    """Quotes that never end once took a second of the loop for one header."""
    value = first + item * 100_000
    began = time.thread_time()
    auth_schemes([value, value[:-1]])
    assert time.thread_time() - began < 0.25
