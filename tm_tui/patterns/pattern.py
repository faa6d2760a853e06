"""A custom pattern, as the signed list at the portal describes it (docs/protocol.md, "Patterns")."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from tm_tui.status_server.protocol import APPLIANCE_PATTERN
from tm_tui.text import SafeText, safe_text

__all__ = ["MOST_LISTED", "MOST_PATTERN_BYTES", "Listing", "Offered", "Pattern", "PatternType", "listing"]

MOST_PATTERN_BYTES = 256 << 20
"""What a pattern may have; a list that announces more is refused before anything is fetched."""
MOST_LISTED = 20
"""So many of the newest patterns are kept on the appliance."""
_TARGET = re.compile(r"[\x21-\x7e]{1,1024}")
"""Names that can stand in a request line as they are."""
_HASH = re.compile(r"[0-9a-f]{32,128}")
"""A digest stands in the request line too."""

PatternType = Literal["bandage", "controlled"]


class Pattern(BaseModel):
    """What is told of a pattern. `id` is the Pattern ID, which grows with each one issued."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: Annotated[StrictInt, Field(ge=1, le=999_999_999)]
    type: PatternType
    version: Annotated[SafeText, Field(min_length=1, max_length=64)]
    description: Annotated[SafeText, Field(max_length=500)] = ""


class _Custom(Pattern):
    appliance: Annotated[str, Field(pattern=rf"^{APPLIANCE_PATTERN}\z")] | None = None
    """Set: it is for this appliance alone."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A pattern in the list. `target` is only ever asked of the server, never a path of ours."""

    pattern: Pattern
    target: str
    length: int
    hashes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A verified list: the newest patterns for this appliance first, all ids, and how many are unusable."""

    newest: tuple[Offered, ...] = ()
    ids: frozenset[int] = frozenset()
    unusable: tuple[str, ...] = ()
    """Names of entries that no pattern can be made of, safe to show."""


def listing(targets: Mapping[str, Any], appliance: str) -> Listing:
    """Read the `targets` of verified metadata. An id that stands there twice counts for nothing."""
    found: dict[int, Offered] = {}
    twice: set[int] = set()
    unusable: list[str] = []
    for target, entry in targets.items():
        offered = _offered(target, entry, appliance)
        if offered is None:
            continue
        if isinstance(offered, str):
            unusable.append(offered)
        elif offered.pattern.id in found:
            twice.add(offered.pattern.id)
        else:
            found[offered.pattern.id] = offered
    for number in twice:
        del found[number]
    unusable += [f"number {number}, given twice" for number in sorted(twice)]
    newest = sorted(found, reverse=True)[:MOST_LISTED]
    return Listing(tuple(found[one] for one in newest), frozenset(found), tuple(_few(unusable)))


def _few(names: Iterable[str]) -> list[str]:
    return list(names)[:MOST_LISTED]


def _offered(target: str, entry: Any, appliance: str) -> Offered | str | None:
    """The pattern of one target; its name if it is unusable; None if it is for another appliance."""
    try:
        custom = _Custom.model_validate(entry["custom"])
        length, hashes = entry["length"], entry["hashes"]
    except (KeyError, TypeError, ValidationError):
        return safe_text(target, 60)
    if custom.appliance not in {None, appliance}:
        return None
    if not isinstance(length, int) or not isinstance(hashes, dict) or not _TARGET.fullmatch(target):
        return safe_text(target, 60)
    pattern = Pattern(id=custom.id, type=custom.type, version=custom.version, description=custom.description)
    pairs = tuple(sorted((str(name), str(value)) for name, value in hashes.items()))
    if not pairs or not all(_HASH.fullmatch(value) for _, value in pairs):
        return safe_text(target, 60)
    return Offered(pattern, target, length, pairs)
