"""Every field of the settings as data, read off the model once: for forms, the CLI and prompts."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tm_tui.settings.model import Settings
from tm_tui.settings.plain import DEFAULT_PORTS, value_of, with_value
from tm_tui.settings.types import INTERVALS

__all__ = [
    "FIELDS",
    "FieldSpec",
    "Kind",
    "following_ports",
    "label_of",
    "spec_of",
]

Kind = Literal["switch", "choice", "text", "number", "secret", "interval"]
Screen = Literal["tmsp", "proxy", "trust", "console", "spool", "patterns"]

_LABELS = {
    "hosted": "Hosted",
    "on-premise": "On-premise",
    "5m": "every 5 minutes",
    "15m": "every 15 minutes",
    "30m": "every 30 minutes",
    "1h": "every hour",
    "6h": "every 6 hours",
    "12h": "every 12 hours",
    "24h": "once a day",
    "manual": "by an admin",
    "automatic": "automatically",
}
_PASSWORD_HELP = {
    "tmsp": 'The "registering products" password, not your logon at the portal. It is never shown again.',
    "proxy": "The proxy's password, if it asks for one. Any character is possible. It is never shown again.",
}
_PASSWORD_LABEL = {"tmsp": "Password", "proxy": "Proxy password"}
_PORT_FOLLOWS = {"tmsp.log_server.port": "tmsp.log_server.protocol", "proxy.port": "proxy.type"}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field.

    `key` is its place in settings.toml (`tmsp.log_server.host`); the passwords, which live apart, are
    `tmsp.password` and `proxy.password`. `choices` pairs each value with its label. `digits` is the length of
    the largest number that can be right, and 0 for what is no number.
    """

    key: str
    label: str
    help: str
    kind: Kind
    choices: tuple[tuple[str, str], ...]
    default: str | int | bool
    screen: Screen
    digits: int = 0


def _kind(key: str, info: FieldInfo) -> Kind:
    if key.endswith(".interval"):
        return "interval"
    if get_origin(info.annotation) is Literal:
        return "choice"
    if info.annotation is bool:
        return "switch"
    return "number" if info.annotation is int else "text"


def _choices(kind: Kind, info: FieldInfo) -> tuple[tuple[str, str], ...]:
    values = tuple(INTERVALS) if kind == "interval" else get_args(info.annotation) if kind == "choice" else ()
    return tuple((value, _LABELS.get(value, value.upper())) for value in values)


def _digits(kind: Kind, info: FieldInfo) -> int:
    """How long a number of this field can be, by the bound that its type declares."""
    most = (getattr(rule, "le", None) for rule in info.metadata)
    return max((len(str(each)) for each in most if each is not None), default=0) if kind == "number" else 0


def _specs(model: type[BaseModel], prefix: str, screen: Screen) -> Iterator[FieldSpec]:
    for name, info in model.model_fields.items():
        key = f"{prefix}.{name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _specs(info.annotation, key, screen)
            continue
        kind = _kind(key, info)
        label = info.title or name
        help_, choices, digits = info.description or "", _choices(kind, info), _digits(kind, info)
        yield FieldSpec(key, label, help_, kind, choices, info.default, screen, digits)
        if name == "username":
            yield FieldSpec(
                f"{prefix}.password",
                _PASSWORD_LABEL[screen],
                _PASSWORD_HELP[screen],
                "secret",
                (),
                "",
                screen,
            )


def _all() -> Iterator[FieldSpec]:
    for screen in get_args(Screen):
        annotation = Settings.model_fields[screen].annotation
        assert isinstance(annotation, type)  # noqa: S101  the model's groups are models
        yield from _specs(annotation, screen, screen)


FIELDS: tuple[FieldSpec, ...] = tuple(_all())
"""All fields in the order of settings.toml; each password follows its user name."""

_BY_KEY = {spec.key: spec for spec in FIELDS}


def spec_of(key: str) -> FieldSpec:
    """The field of this key. Raises KeyError."""
    return _BY_KEY[key]


def label_of(key: str) -> str:
    """A field as forms, activity and commands name it: `Log server`. What is no field keeps its key."""
    spec = _BY_KEY.get(key)
    return key if spec is None else spec.label


def following_ports(
    old: Mapping[str, Any], new: Mapping[str, Any], chosen: Collection[str] = ()
) -> dict[str, Any]:
    """Where the protocol changed and its default port was left alone, set the new one's default.

    Ports whose keys are in `chosen` stay.
    """
    result = dict(new)
    for port, protocol in _PORT_FOLLOWS.items():
        before, after = value_of(old, protocol), value_of(new, protocol)
        left_alone = port not in chosen and value_of(new, port) == value_of(old, port)
        if (
            before != after
            and after in DEFAULT_PORTS
            and left_alone
            and value_of(old, port) == DEFAULT_PORTS[before]
        ):
            result = with_value(result, port, DEFAULT_PORTS[after])
    return result
