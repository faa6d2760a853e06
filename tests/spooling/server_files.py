"""Reads what a log server holds, as files, and tells whether it is what was promised."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import zstandard

from spooling.events import numbered_line


@dataclass(frozen=True)
class Held:
    """What lies in the folder of one appliance: the lines of each kind in the order of the batch names."""

    batches: tuple[str, ...]
    kinds: dict[str, list[dict[str, object]]]

    @property
    def ids(self) -> list[str]:
        """The ids of all events."""
        return [str(event["id"]) for events in self.kinds.values() for event in events]


def read(folder: Path) -> Held:
    """Read all batches, each by its name; AssertionError for one that is not whole or not of one kind."""
    names = sorted(path.name for path in folder.glob("*.ndjson.zst")) if folder.exists() else []
    kinds: dict[str, list[dict[str, object]]] = {}
    for name in names:
        data = (folder / name).read_bytes()
        assert name.removesuffix(".ndjson.zst")[-16:] == hashlib.sha256(data).hexdigest()[:16], (
            f"{name} is not whole"
        )
        lines = zstandard.ZstdDecompressor().stream_reader(data).read().splitlines()
        events = [json.loads(line) for line in lines]
        assert len({event["kind"] for event in events}) == 1, f"{name} holds several kinds"
        assert int(name.removesuffix(".ndjson.zst")[-29:-17]) == events[0]["seq"], (
            f"{name} has a wrong sequence"
        )
        kinds.setdefault(events[0]["kind"], []).extend(events)
    return Held(tuple(names), kinds)


def check(folder: Path, acknowledged: int, produced: int, *, lost: int = 0) -> Held:
    """Every acknowledged event exactly once, none that nobody made, in order within its kind.

    `lost`: how many of them the appliance counts as lost to a damaged disk; so many are missing.
    """
    held = read(folder)
    for kind, events in held.kinds.items():
        order = [int(str(event["seq"])) for event in events]
        assert order == sorted(set(order)), f"{kind}: out of order, or twice"
        made = [int(str(event["id"]).removeprefix("p-")) for event in events]
        for number, event in zip(made, events, strict=True):
            assert event == {**json.loads(numbered_line(number)), "seq": event["seq"]}, "altered"
        assert made == sorted(set(made)), f"{kind}: not in the producer's order"
    numbers = {int(one.removeprefix("p-")) for one in held.ids}
    missing = set(range(1, acknowledged + 1)) - numbers
    found = f"{len(missing)} acknowledged events are missing, such as {sorted(missing)[:5]}"
    assert len(missing) == lost, f"{found}; {lost} are counted as lost"
    assert numbers <= set(range(1, produced + 1))
    return held
