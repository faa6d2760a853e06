"""Any shape filled with extremes: dates at the ends of time, huge numbers, texts that do harm elsewhere."""

import types
from enum import Enum
from itertools import chain
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tm_tui.api.shapes import Shape
from tm_tui.values import MOST, Bounds, Check

__all__ = ["DATES", "TEXTS", "Hostile"]

TEXTS = (
    "",
    " ",
    "-",
    "a" * 20_000,
    "漢" * 3_000,
    "e" + "\u0301" * 2_000,
    "port 2\ufe0f\u20e32\ufe0f\u20e3",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea",
    "\x1b[31mred\x1b]0;title\x07\x9b31m\x00\x7f\x84",
    "\u202egnp.exe\u2066\u061c\u200b\ufeff",
    "\ud800 \udfff",
    "first\nsecond\r\nthird\tfourth\u2028fifth\x85",
    "[/] [/bold] [@click=app.exit]here[/] [bold red",
    "{0} {missing} %s %(x)s $HOME `id` \\",
    "=cmd|' /C calc'!A0",
    '"quoted", \'and\'; "',
    "| a | b |\n|---|---|\n# head\n```\n* * *\n<script>alert(1)</script> ![x](http://x) [y](javascript:z)",
    "\u0600\u06dd\ufdfd\U00012031",
    "1970-01-01T00:00:00Z",
    "NaN",
)
DATES = (
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999-23:59",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:01Z",
    "2016-12-31T23:59:60Z",
    "2026-11-22T12:00:00+14:00",
    "2199-12-31T23:59:59.999999Z",
    "2400-02-29T00:00:00Z",
)
_WHOLE_DATES = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-22T12:00:00+14:00")
_NUMBERS = (0.0, -0.0, 5e-324, 0.5, 59.999999, 3600.0, 1e15, float(MOST))


class Hostile:
    """Draws from `random`. What a model refuses is not drawn: bounds of its fields are kept to their ends."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def shape(self, model: type, depth: int = 0, **fixed: Any) -> Any:
        """One value of a model or shape, as its JSON would give it."""
        if issubclass(model, Shape):
            hints = get_type_hints(model, include_extras=True)
            drawn = {name: self.of(kind, (), depth + 1) for name, kind in hints.items()}
            return msgspec.convert({**msgspec.to_builtins(drawn), **fixed}, model)
        fields = {name: self._field(field, depth + 1) for name, field in model.model_fields.items()}
        named = {model.model_fields[name].alias or name: value for name, value in fields.items()}
        return model.model_validate({**named, **fixed})

    def _field(self, field: FieldInfo, depth: int) -> Any:
        return self.of(field.annotation, tuple(field.metadata), depth)

    def of(self, kind: Any, bounds: tuple[Any, ...] = (), depth: int = 0) -> Any:  # noqa: PLR0911  one a kind
        """One value of a type, within the bounds that stand beside it."""
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            beside = [one.metadata if isinstance(one, FieldInfo) else [one] for one in arguments[1:]]
            return self.of(arguments[0], (*bounds, *chain.from_iterable(beside)), depth)
        if origin in {Union, types.UnionType}:
            return self.of(self._random.choice(arguments), bounds, depth)
        if origin is Literal:
            return self._random.choice(arguments)
        if origin is tuple and arguments[-1] is not Ellipsis:
            return tuple(self.of(one, (), depth + 1) for one in arguments)
        if origin is tuple:
            return tuple(self.of(arguments[0], (), depth + 1) for _ in range(self._length(bounds, depth)))
        if origin is dict:
            number = self._length(bounds, depth)
            return {self.of(arguments[0]): self.of(arguments[1], (), depth + 1) for _ in range(number)}
        return self._plain(kind, bounds, depth)

    def _plain(self, kind: Any, bounds: tuple[Any, ...], depth: int) -> Any:  # noqa: PLR0911  one a kind
        if kind is type(None):
            return None
        if isinstance(kind, type) and issubclass(kind, BaseModel | Shape):
            return self.shape(kind, depth)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._random.choice(list(kind)).value
        if kind is bool:
            return self._random.random() < 0.5
        if kind is int:
            low, high = _range(bounds, -MOST, MOST)
            return self._random.choice((low, high, max(low, min(high, self._random.randint(-2, 2**40)))))
        if kind is float:
            low, high = _range(bounds, -MOST, MOST)
            found = self._random.choice(_NUMBERS) * self._random.choice((1, -1))
            return max(float(low), min(float(high), found))
        if kind in {str, Any}:
            return self._text(bounds)
        if kind is SecretStr:
            return SecretStr(self._text(bounds))
        # The only other type that shapes have. Dates of certificates are as they stand there, with a zone.
        date = self._random.choice(DATES if _checked(bounds) else _WHOLE_DATES)
        return next((one.before(date) for one in bounds if isinstance(one, Check) and one.before), date)

    def _text(self, bounds: tuple[Any, ...]) -> str:
        most = min((_most(one) for one in bounds if isinstance(one, MaxLen | Bounds)), default=20_000)
        least = max((one.min_length for one in bounds if isinstance(one, MinLen)), default=0)
        pattern = next((one.pattern for one in bounds if getattr(one, "pattern", None)), None)
        if pattern is not None:
            return "0" * 64 if "64" in pattern else "tm-hostile"
        text = self._random.choice(TEXTS)[:most].ljust(least, "x")
        return text if _checked(bounds) else text.encode("utf-8", "replace").decode()

    def _length(self, bounds: tuple[Any, ...], depth: int) -> int:
        most = min((_most(one) for one in bounds if isinstance(one, MaxLen | Bounds)), default=40)
        least = max((one.min_length for one in bounds if isinstance(one, MinLen)), default=0)
        return max(least, self._random.choice((0, 1, min(most, 3 if depth > 3 else 12))))


def _checked(bounds: tuple[Any, ...]) -> bool:
    """Whether a validator of ours makes the value safe; JSON cannot bring what is no text at all."""
    return any(isinstance(one, Check) for one in bounds)


def _most(one: MaxLen | Bounds) -> int:
    return one.most if isinstance(one, Bounds) else one.max_length


def _range(bounds: tuple[Any, ...], low: int, high: int) -> tuple[int, int]:
    for one in bounds:
        if isinstance(one, Bounds):
            low, high = one.least, one.most
        elif isinstance(one, Ge):
            low = int(one.ge)  # type: ignore[call-overload]
        elif isinstance(one, Gt):
            low = int(one.gt) + 1  # type: ignore[call-overload]
        elif isinstance(one, Le):
            high = int(one.le)  # type: ignore[call-overload]
        elif isinstance(one, Lt):
            high = int(one.lt) - 1  # type: ignore[call-overload]
    return low, high
