"""Header values of HTTP: those that we send, and readers that take whatever a peer sends and never raise."""

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tm_tui import __version__
from tm_tui.link.trying_again import HOUR
from tm_tui.link.types import Credentials

__all__ = ["USER_AGENT", "auth_schemes", "basic", "http_date", "retry_after_seconds"]

USER_AGENT = f"tm-tui/{__version__}"

_MOST_DATE = 64
_YEARS = range(1970, 2201)
"""A date outside of these comes from no clock that anybody has set."""
_ITEM = re.compile(r'(?:"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[^",])++', re.DOTALL)
"""One element of a list: commas within quotes do not end it (RFC 9110, section 5.6.1).

Nothing that was matched is given back, so that no value takes longer than its length says.
"""
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf"{_WORD}[ \t]*=")
_SCHEME = re.compile(rf"({_WORD})(?:[ \t]|\Z)")
_MOST_CHALLENGES = 8192


def basic(credentials: Credentials) -> str:
    """The value of a Basic authorization header, in UTF-8 (RFC 7617)."""
    pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def http_date(value: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110, section 5.6.7), in UTC; None for what is none of our time."""
    if len(value) > _MOST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError, TypeError, IndexError):  # it raises more than it says
        return None
    if moment.year not in _YEARS:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Read a Retry-After header, seconds or a date (RFC 9110, section 10.2.3), capped at an hour.

    A date is one of the server's clock, which its Date header tells: ours may be wrong.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        digits = value.lstrip("0")
        return HOUR if len(digits) > len("3600") else min(float(digits or 0), HOUR)
    moment = http_date(value)
    if moment is None:
        return None
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    return min(max(0.0, (moment - now).total_seconds()), HOUR)


def auth_schemes(values: Iterable[str]) -> frozenset[str]:
    """The ways of logging on that WWW- or Proxy-Authenticate headers name, in small letters.

    Each value is a list of challenges, whose parameters are parted by commas too (RFC 9110, section 11.6.1).
    """
    found = set()
    for value in values:
        for match in _ITEM.finditer(value[:_MOST_CHALLENGES]):
            item = match[0].strip()
            if (scheme := _SCHEME.match(item)) and not _PARAMETER.match(item):
                found.add(scheme[1].lower())
    return frozenset(found)
