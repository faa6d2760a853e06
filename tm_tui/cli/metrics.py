"""The snapshot as OpenMetrics text.

Only gauges and counters, which the older Prometheus text format has too: node-exporter's textfile collector
reads that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tm_tui.api.agent import AgentStatus, LogServerStatus, ServerState, StatusServerStatus

__all__ = ["ABSENT", "openmetrics"]

ABSENT = "# HELP tm_tui_up Whether the agent answers.\n# TYPE tm_tui_up gauge\ntm_tui_up 0\n# EOF\n"
"""What is told when there is no agent: without it, the last values would seem to stand."""

Labels = Mapping[str, str]
Sample = tuple[Labels, float | None]


@dataclass(frozen=True, slots=True)
class _Family:
    """One metric. The samples without a value are left out."""

    name: str
    help: str
    samples: Iterable[Sample]
    unit: str = ""
    kind: Literal["gauge", "counter"] = field(default="gauge", kw_only=True)

    def lines(self) -> Iterator[str]:
        """As text (OpenMetrics 1.0)."""
        samples = [(labels, value) for labels, value in self.samples if value is not None]
        if not samples:
            return
        name = f"tm_tui_{self.name}"
        yield f"# HELP {name} {self.help}"
        yield f"# TYPE {name} {self.kind}"
        if self.unit:
            yield f"# UNIT {name} {self.unit}"
        total = "_total" if self.kind == "counter" else ""
        yield from (f"{name}{total}{_labels(labels)} {value:.15g}" for labels, value in samples)


def openmetrics(status: AgentStatus) -> str:
    """The whole text, to its end mark."""
    lines = [line for family in _families(status) for line in family.lines()]
    return "\n".join([*lines, "# EOF", ""])


def _families(status: AgentStatus) -> Iterator[_Family]:
    about = {"version": status.version, "appliance": status.appliance, "edition": status.edition}
    yield _Family("up", "Whether the agent answers.", _one(1))
    yield _Family("build_info", "Which version runs on which appliance.", [(about, 1)])
    yield _Family("settings_revision", "The revision of the settings in force.", _one(status.revision))
    yield _Family("uptime_seconds", "Since the agent started.", _one(status.uptime_seconds), "seconds")
    yield _Family(
        "snapshot_timestamp_seconds",
        "When these values were true.",
        _one(_stamp(status.taken_at)),
        "seconds",
    )
    yield _Family("alerts", "Sentences that an admin must read now.", _one(len(status.alerts)))
    yield from _servers({"status_server": status.status_server, "log_server": status.log_server})
    yield from _beats(status.status_server)
    yield _Family(
        "delivery_last_timestamp_seconds",
        "When logs were delivered last.",
        _one(_stamp(status.log_server.last_delivery_at)),
        "seconds",
    )
    yield from _spool(status)


def _servers(servers: Mapping[str, StatusServerStatus | LogServerStatus]) -> Iterator[_Family]:
    yield _Family(
        "server_state",
        "1 for the state in which a server is, 0 for the others.",
        [
            ({"server": name, "state": state}, float(server.state is state))
            for name, server in servers.items()
            for state in ServerState
        ],
    )
    yield _Family(
        "server_failures",
        "How often in a row a server's newest failure came.",
        [
            ({"server": name, "code": failure.code, "stage": failure.stage}, failure.count)
            for name, server in servers.items()
            if (failure := server.last_failure)
        ],
    )


def _beats(server: StatusServerStatus) -> Iterator[_Family]:
    trip = None if server.round_trip_ms is None else server.round_trip_ms / 1000
    yield _Family(
        "heartbeats_accepted", "Since the agent started.", _one(server.beats_accepted), kind="counter"
    )
    yield _Family("heartbeats_missed", "Since the agent started.", _one(server.beats_missed), kind="counter")
    yield _Family(
        "heartbeat_last_timestamp_seconds",
        "When a heartbeat was accepted last.",
        _one(_stamp(server.last_beat_at)),
        "seconds",
    )
    yield _Family(
        "heartbeat_age_seconds",
        "Since a heartbeat was accepted last.",
        _one(server.last_beat_age_seconds),
        "seconds",
    )
    yield _Family(
        "heartbeat_round_trip_seconds", "How long the newest heartbeat took.", _one(trip), "seconds"
    )
    yield _Family(
        "clock_skew_seconds",
        "The appliance's clock minus the status server's.",
        _one(server.clock_skew_seconds),
        "seconds",
    )


def _spool(status: AgentStatus) -> Iterator[_Family]:
    spool = status.spool
    yield _Family(
        "spool_events",
        "Events that wait for delivery.",
        [({"kind": kind.kind}, kind.events) for kind in spool.kinds] or _one(spool.events),
    )
    yield _Family("spool_bytes", "Bytes that wait for delivery.", _one(spool.bytes), "bytes")
    yield _Family("spool_limit_bytes", "Bytes that may wait.", _one(spool.limit_bytes or None), "bytes")
    yield _Family(
        "spool_full_ratio",
        "How full the log queue is, by bytes or by age.",
        _one(spool.full_percent / 100),
        "ratio",
    )
    yield _Family(
        "spool_oldest_age_seconds",
        "How long the oldest event has been waiting.",
        _one(spool.oldest_age_seconds),
        "seconds",
    )


def _one(value: float | None) -> list[Sample]:
    return [({}, value)]


def _stamp(moment: datetime | None) -> float | None:
    return None if moment is None else round(moment.timestamp(), 3)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    escapes = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n"}
    return "{" + ",".join(f'{name}="{value.translate(escapes)}"' for name, value in labels.items()) + "}"
