"""What all shapes of the control socket's answers have in common. Light: a command that asks once reads them.

The bounds of their fields are functions, made when the first value of a shape is made. Bodies of requests are
judged by pydantic (`tm_tui/api/requests.py`): a person wrote what is in them.
"""

import math
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Self,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from tm_tui.text import SafeText
from tm_tui.values import Bounds, Check, Count, Moment

__all__ = ["LastFailure", "PortalInfo", "Shape", "Unreadable"]


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A frozen value on the wire; unknown keys are refused, errors never repeat the input.

    However it is made, its texts are safe, its moments and numbers within their bounds: else ValueError.
    """

    def __post_init__(self) -> None:
        """Put each value into its bounds."""
        for name, check in _checks_of(type(self)):
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


_Held = Callable[[Any], Any]


@cache
def _checks_of(shape: type) -> tuple[tuple[str, _Held], ...]:
    """By field, what its value has to go through: it returns the value that is kept, or raises ValueError."""
    hints = get_type_hints(shape, include_extras=True)
    found = ((name, _check_of(hints[name])) for name in shape.__struct_fields__)  # type: ignore[attr-defined]
    return tuple((name, check) for name, check in found if check is not None)


@cache
def _check_of(kind: Any) -> _Held | None:  # noqa: PLR0911  one a kind
    """The check of one type; None: every value of it is taken as it is."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _beside(arguments[0], arguments[1:])
    if origin in {Union, UnionType}:
        return _optional(arguments)
    if origin is tuple:
        return _several(_check_of(arguments[0]))
    if origin is dict:
        return _by_key(_check_of(arguments[0]), _check_of(arguments[1]))
    if origin is Literal:
        return _one_of(frozenset(arguments))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value if isinstance(value, kind) else kind(value)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return lambda value: value if isinstance(value, kind) else msgspec.convert(value, kind)
    return _of(kind) if kind in {str, int, float, bool, datetime} else None


def _of(kind: type) -> _Held:
    """A value of this type alone; whole numbers are numbers, and no truth value is one."""
    taken: Any = (int, float) if kind is float else kind

    def held(value: Any) -> Any:
        if not isinstance(value, taken) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"a {kind.__name__} is wanted")
        return value if kind is not float else float(value)

    return held


def _beside(kind: Any, beside: tuple[Any, ...]) -> _Held | None:
    checks = [one for one in (_check_of(kind), *map(_check, beside)) if one is not None]
    if not checks:
        return None

    def held(value: Any) -> Any:
        for check in checks:
            value = check(value)
        return value

    return held


def _check(beside: Any) -> _Held | None:
    if isinstance(beside, Check):
        return beside.held
    if not isinstance(beside, Bounds):
        return None

    def held(value: Any) -> Any:
        size: float = value if isinstance(value, int | float) else len(value)
        if not math.isfinite(size) or not beside.least <= size <= beside.most:
            raise ValueError(f"it lies beyond {beside.least} and {beside.most}")
        return value

    return held


def _optional(arguments: tuple[Any, ...]) -> _Held | None:
    """One kind or none at all, or one of several kinds, which the value's own type tells apart."""
    checks = {_base(kind): _check_of(kind) or _same for kind in arguments}

    def held(value: Any) -> Any:
        check: _Held | None = checks.get(type(value))
        if check is None:
            [check] = (one for kind, one in checks.items() if kind is not NoneType)
        return check(value)

    return held


def _base(kind: Any) -> Any:
    return _base(get_args(kind)[0]) if get_origin(kind) is Annotated else get_origin(kind) or kind


def _several(check: _Held | None) -> _Held:
    def held(values: Any) -> tuple[Any, ...]:
        given = values if isinstance(values, tuple) else tuple(values)
        if check is None:
            return given
        kept = tuple([check(value) for value in given])
        return given if all(a is b for a, b in zip(given, kept, strict=True)) else kept

    return held


def _by_key(keys: _Held | None, values: _Held | None) -> _Held | None:
    if keys is None and values is None:
        return None
    key, value = keys or _same, values or _same
    return lambda given: {key(name): value(one) for name, one in given.items()}


def _same(value: Any) -> Any:
    return value


def _one_of(words: frozenset[Any]) -> _Held:
    def held(value: Any) -> Any:
        if value not in words:
            raise ValueError(f"one of {', '.join(sorted(map(str, words)))} is wanted")
        return value

    return held
