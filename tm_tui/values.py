"""The types of values from outside: moments, counts and numbers that can be stored, sent and shown.

A moment beyond its bounds is taken to the nearer one (tm_tui.moments). A number beyond its bounds is refused.
"""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, ValidationError

from tm_tui.moments import within

__all__ = ["MOST", "Amount", "Count", "Moment", "Number", "ZonedMoment", "wrong_in"]

MOST = 2**53 - 1
"""The largest whole number that every reader of JSON takes as it is (RFC 8259, section 6)."""

_LEAP_SECOND = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:)60")


def _without_leap_second(value: Any) -> Any:
    """Take 23:59:60, which RFC 3339 has and Python has not, as the second before."""
    return _LEAP_SECOND.sub(r"\g<1>59", value[:64], count=1) if isinstance(value, str) else value


Moment = Annotated[datetime, BeforeValidator(_without_leap_second), AfterValidator(within)]
"""A moment in time: aware, in UTC, from 1970 to 2200."""
ZonedMoment = Annotated[AwareDatetime, BeforeValidator(_without_leap_second), AfterValidator(within)]
"""The same where one without a zone is refused."""
Count = Annotated[int, Field(ge=0, le=MOST)]
"""How many there are, or a number that counts up."""
Amount = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
"""How much there is: seconds, bytes a second."""
Number = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
"""A number that may be negative, such as a difference of clocks in seconds."""


def wrong_in(error: ValidationError) -> str:
    """What is wrong first, and where: `made_at: Input should be a valid datetime`. Never the value itself."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
