"""What all shapes of the control socket's answers have in common. Light: a command that asks once reads them.

Bodies of requests are judged by pydantic (`tm_tui/api/requests.py`): a person wrote what is in them.
"""

from typing import Any, Self, dataclass_transform

import msgspec

from tm_tui.api.bounds import checks_of
from tm_tui.text import SafeText
from tm_tui.values import Count, Moment

__all__ = ["LastFailure", "PortalInfo", "Shape", "Unreadable"]


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A frozen value on the wire; unknown keys are refused, errors never repeat the input.

    However it is made, its texts are safe, its moments and numbers within their bounds: else ValueError.
    """

    def __post_init__(self) -> None:
        """Put each value into its bounds."""
        for name, check in checks_of(type(self)):
            given = getattr(self, name)
            if (held := check(given)) is not given:
                msgspec.structs.force_setattr(self, name, held)

    @classmethod
    def from_json(cls, text: bytes | str) -> Self:
        """Read JSON. Raises msgspec.ValidationError or DecodeError."""
        return msgspec.json.decode(text, type=cls)

    def to_json(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.encode(self)

    def plain(self) -> dict[str, Any]:
        """Return it as its JSON reads in Python: dictionaries, lists, texts, numbers."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def fields(self) -> dict[str, Any]:
        """Return its fields as they are, by name."""
        return msgspec.structs.asdict(self)


class Unreadable(Shape, kw_only=True):
    """Something on the appliance's disk that cannot be shown: a row of its own, where it belongs."""

    what: SafeText
    """Such as `report 7`."""
    cause: SafeText

    @property
    def words(self) -> str:
        """The row."""
        return f"{self.what} cannot be shown: {self.cause}"


class LastFailure(Shape, kw_only=True):
    """The newest failure of a link, and how often in a row it came. `code` is listed in docs/failures.md."""

    code: SafeText
    stage: SafeText
    cause: SafeText
    remedy: SafeText
    at: Moment
    count: Count = 1


class PortalInfo(Shape, kw_only=True):
    """What the portal said of itself. `fits`: this agent speaks its version of the link protocol."""

    product: SafeText
    version: SafeText
    protocol: Count
    fits: bool
