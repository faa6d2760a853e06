"""The bounds of a shape's fields as functions, made once, when the first value of that shape is made."""

import math
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from tm_tui.values import Bounds, Check

__all__ = ["checks_of"]

Held = Callable[[Any], Any]


@cache
def checks_of(shape: type) -> tuple[tuple[str, Held], ...]:
    """By field, what its value has to go through: it returns the value that is kept, or raises ValueError."""
    hints = get_type_hints(shape, include_extras=True)
    found = ((name, check_of(hints[name])) for name in shape.__struct_fields__)  # type: ignore[attr-defined]
    return tuple((name, check) for name, check in found if check is not None)


@cache
def check_of(kind: Any) -> Held | None:  # noqa: PLR0911  one a kind
    """The check of one type; None: every value of it is taken as it is."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _beside(arguments[0], arguments[1:])
    if origin in {Union, UnionType}:
        return _optional(arguments)
    if origin is tuple:
        return _several(check_of(arguments[0]))
    if origin is dict:
        return _by_key(check_of(arguments[0]), check_of(arguments[1]))
    if origin is Literal:
        return _one_of(frozenset(arguments))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value if isinstance(value, kind) else kind(value)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return lambda value: value if isinstance(value, kind) else msgspec.convert(value, kind)
    return _of(kind) if kind in {str, int, float, bool, datetime} else None


def _of(kind: type) -> Held:
    """A value of this type alone; whole numbers are numbers, and no truth value is one."""
    taken: Any = (int, float) if kind is float else kind

    def held(value: Any) -> Any:
        if not isinstance(value, taken) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"a {kind.__name__} is wanted")
        return value if kind is not float else float(value)

    return held


def _beside(kind: Any, beside: tuple[Any, ...]) -> Held | None:
    checks = [one for one in (check_of(kind), *map(_check, beside)) if one is not None]
    if not checks:
        return None

    def held(value: Any) -> Any:
        for check in checks:
            value = check(value)
        return value

    return held


def _check(beside: Any) -> Held | None:
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


def _optional(arguments: tuple[Any, ...]) -> Held | None:
    """One kind or none at all, or one of several kinds, which the value's own type tells apart."""
    checks = {_base(kind): check_of(kind) or _same for kind in arguments}

    def held(value: Any) -> Any:
        check: Held | None = checks.get(type(value))
        if check is None:
            [check] = (one for kind, one in checks.items() if kind is not NoneType)
        return check(value)

    return held


def _base(kind: Any) -> Any:
    return _base(get_args(kind)[0]) if get_origin(kind) is Annotated else get_origin(kind) or kind


def _several(check: Held | None) -> Held:
    def held(values: Any) -> tuple[Any, ...]:
        given = values if isinstance(values, tuple) else tuple(values)
        if check is None:
            return given
        kept = tuple([check(value) for value in given])
        return given if all(a is b for a, b in zip(given, kept, strict=True)) else kept

    return held


def _by_key(keys: Held | None, values: Held | None) -> Held | None:
    if keys is None and values is None:
        return None
    key, value = keys or _same, values or _same
    return lambda given: {key(name): value(one) for name, one in given.items()}


def _same(value: Any) -> Any:
    return value


def _one_of(words: frozenset[Any]) -> Held:
    def held(value: Any) -> Any:
        if value not in words:
            raise ValueError(f"one of {', '.join(sorted(map(str, words)))} is wanted")
        return value

    return held
