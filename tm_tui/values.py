"""The types of values from outside: moments, counts and numbers that can be stored, sent and shown.

A moment beyond its bounds is taken to the nearer one (tm_tui.clock). A number beyond its bounds is refused.
pydantic and the light shapes of the control socket (tm_tui/api/shapes.py) both keep what stands here.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from tm_tui.clock import within

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, ValidationError
    from pydantic_core import CoreSchema

__all__ = [
    "MOST",
    "Amount",
    "Bounds",
    "Check",
    "Count",
    "Moment",
    "Number",
    "ZonedMoment",
    "crowded",
    "without_leap_second",
    "wrong_in",
]

MOST = 2**53 - 1
"""The largest whole number that every reader of JSON takes as it is (RFC 8259, section 6)."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A string of JSON, or the rest of the text where one does not end."""
_LEAP_SECOND = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:)60")


class Check(NamedTuple):
    """Beside a type: what a value of it becomes. `before` is given what was not read yet."""

    held: Callable[[Any], Any]
    before: Callable[[Any], Any] | None = None
    zoned: bool = False
    """Of a moment: one without a zone is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Let pydantic do the same."""
        from pydantic_core import core_schema

        schema = core_schema.datetime_schema(tz_constraint="aware") if self.zoned else handler(source)
        made: CoreSchema = core_schema.no_info_after_validator_function(self.held, schema)
        before = core_schema.no_info_before_validator_function
        return made if self.before is None else before(self.before, made)


class Bounds(NamedTuple):
    """Beside a type: a number lies from `least` to `most`; of a text or tuple that is its length."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Let pydantic do the same."""
        from pydantic_core import core_schema

        if source is int:
            return core_schema.int_schema(ge=self.least, le=self.most)
        return core_schema.float_schema(ge=self.least, le=self.most, allow_inf_nan=False)


def without_leap_second(value: Any) -> Any:
    """Take 23:59:60, which RFC 3339 has and Python has not, as the second before."""
    if not isinstance(value, str):
        return value
    text = value[:64]
    return _LEAP_SECOND.sub(r"\g<1>59", text, count=1) if ":60" in text else text


Moment = Annotated[datetime, Check(within, without_leap_second)]
"""A moment in time: aware, in UTC, from 1970 to 2200."""
ZonedMoment = Annotated[datetime, Check(within, without_leap_second, zoned=True)]
"""The same where one without a zone is refused."""
Count = Annotated[int, Bounds(0, MOST)]
"""How many there are, or a number that counts up."""
Amount = Annotated[float, Bounds(0, MOST)]
"""How much there is: seconds, bytes a second."""
Number = Annotated[float, Bounds(-MOST, MOST)]
"""A number that may be negative, such as a difference of clocks in seconds."""


def crowded(json: bytes, most: int) -> bool:
    """Whether a text of JSON may hold more than `most` keys, entries, lists and objects; commas tell.

    Asked before it is read and judged: each part that is wrong costs as much as a whole right document.
    """
    return _parts(json) > most and _parts(_STRING.sub(b"", json)) > most


def _parts(json: bytes) -> int:
    return json.count(b",") + json.count(b"[") + json.count(b"{")


def wrong_in(error: "ValidationError") -> str:
    """What is wrong first, and where: `made_at: Input should be a valid datetime`. Never the value itself."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
