"""Monitoring: metrics that a stock parser reads, a check with the exit codes of plugins, codes explained."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as older_parser

from tm_tui.api.agent import (
    AgentStatus,
    LastFailure,
    LogServerStatus,
    ServerState,
    SpoolStatus,
    StatusServerStatus,
)
from tm_tui.api.spool import KindInfo
from tm_tui.cli.metrics import ABSENT, openmetrics
from tm_tui.cli.verdict import verdict

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EXPIRED = LastFailure(code="tls-expired", stage="tls", cause="It expired.", remedy="Renew.", at=NOON, count=4)


def snapshot(state: ServerState = ServerState.CONNECTED, **more: Any) -> AgentStatus:
    """One with every value set; a failing server has a failure."""
    failure = EXPIRED if state is ServerState.FAILING else None
    shown = {
        "state": state,
        "revision": 3,
        "version": "0.1.0",
        "pid": 1,
        "uptime_seconds": 5.5,
        "taken_at": NOON,
        "appliance": 'tm"\\1',
        "edition": "hosted",
        "status_server": StatusServerStatus(
            state=state,
            beats_accepted=12,
            beats_missed=1,
            last_beat_at=NOON,
            last_beat_age_seconds=1.5,
            round_trip_ms=14.2,
            clock_skew_seconds=-0.25,
            last_failure=failure,
        ),
        "log_server": LogServerStatus(state=ServerState.CONNECTED, last_delivery_at=NOON),
        "spool": SpoolStatus(
            events=3,
            bytes=1500,
            oldest_age_seconds=130.0,
            full_percent=1,
            limit_bytes=1 << 30,
            kinds=(KindInfo(kind="threat-event", events=3, bytes=1500, batches=1),),
        ),
    }
    return AgentStatus(**(shown | more))


@pytest.mark.parametrize("state", ServerState)
def test_a_stock_parser_reads_the_metrics(state: ServerState) -> None:
    """The reference parser takes the text, and finds what the status says."""
    families = {one.name: one for one in text_string_to_metric_families(openmetrics(snapshot(state)))}
    assert all(family.documentation for family in families.values())
    assert families["tm_tui_uptime_seconds"].unit == "seconds"
    value = {name: family.samples[0].value for name, family in families.items()}
    assert value["tm_tui_heartbeats_accepted"] == 12
    assert value["tm_tui_clock_skew_seconds"] == -0.25
    assert value["tm_tui_heartbeat_round_trip_seconds"] == 0.0142
    assert value["tm_tui_spool_full_ratio"] == 0.01
    assert families["tm_tui_build_info"].samples[0].labels["appliance"] == 'tm"\\1'
    states = {
        sample.labels["state"]
        for sample in families["tm_tui_server_state"].samples
        if sample.labels["server"] == "status_server" and sample.value == 1
    }
    assert states == {state}
    failures = families.get("tm_tui_server_failures")
    assert (failures is not None) == (state is ServerState.FAILING)


def test_the_textfile_collector_reads_them_too() -> None:
    """node-exporter reads the older text format: no type that it does not know, the same values."""
    text = openmetrics(snapshot())
    assert set(re.findall(r"^# TYPE \S+ (\S+)$", text, re.MULTILINE)) == {"gauge", "counter"}
    samples = {s.name: s.value for family in older_parser(text) for s in family.samples}
    assert samples["tm_tui_heartbeats_accepted_total"] == 12
    assert samples["tm_tui_spool_events"] == 3


def test_an_absent_agent_is_a_metric(tm, home: Path, tmp_path: Path) -> None:
    """Without an agent the textfile says so, instead of keeping the last good values; exit code 3."""
    file = tmp_path / "tm_tui.prom"
    file.write_text(openmetrics(snapshot()))
    said = tm("status", "--format", "openmetrics", "--output", str(file))
    assert said.code == 3
    assert file.read_text() == ABSENT
    (family,) = text_string_to_metric_families(ABSENT)
    assert (family.name, family.samples[0].value) == ("tm_tui_up", 0)


def test_the_textfile_is_written_whole(tm, shared_agent: None, tmp_path: Path) -> None:
    """The file is readable for node-exporter, replaces the older one, and leaves nothing beside it."""
    file = tmp_path / "tm_tui.prom"
    for _ in range(2):
        assert tm("status", "--format", "openmetrics", "--output", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o644
    assert "tm_tui_up" in {family.name for family in text_string_to_metric_families(file.read_text())}
    assert list(tmp_path.glob("*")) == [file]
    assert list(tmp_path.glob(".*")) == []


def test_a_folder_that_is_not_there_is_told(tm, shared_agent: None, tmp_path: Path) -> None:
    """Where nothing can be written, the command says so and fails."""
    said = tm("status", "--format", "openmetrics", "--output", str(tmp_path / "no" / "x.prom"))
    assert said.code == 1
    assert "does not exist" in said.err


@pytest.mark.parametrize(
    ("state", "more", "code"),
    [
        (ServerState.CONNECTED, {}, 0),
        (ServerState.CONNECTED, {"alerts": ("Look.",)}, 1),
        (ServerState.CONNECTED, {"spool": SpoolStatus(full_percent=70)}, 1),
        (ServerState.CONNECTED, {"spool": SpoolStatus(full_percent=95)}, 2),
        (ServerState.CONNECTING, {}, 1),
        (ServerState.DISABLED, {}, 1),
        (ServerState.UNREGISTERED, {}, 2),
        (ServerState.FAILING, {}, 2),
        (ServerState.FAILING, {"alerts": ("Look.",)}, 2),
    ],
)
def test_the_check_is_as_bad_as_the_worst(state: ServerState, more: dict[str, Any], code: int) -> None:
    """0, 1 and 2 as monitoring reads them; the line names the failure and has performance data."""
    found, line = verdict(snapshot(state, **more))
    assert found == code
    words, _, data = line.partition(" | ")
    assert ("tls-expired" in words) == (state is ServerState.FAILING)
    for item in data.split():
        assert re.fullmatch(r"[a-z_]+=-?[0-9.]+(s|ms|c|B|%)?(;[0-9.]*){0,4}", item), item


def test_the_check_on_a_real_agent(tm, shared_agent: None) -> None:
    """One line on standard output, and the exit code that goes with its word."""
    said = tm("status", "--check")
    assert said.out.startswith("TM-TUI WARNING - disabled, ")
    assert (said.code, said.out.count("\n"), said.err) == (1, 1, "")


@pytest.mark.parametrize("arguments", [["--check"], ["--check", "--nonsense"], ["--check", "--watch"]])
def test_what_cannot_be_checked_is_unknown(tm, home: Path, arguments: list[str]) -> None:
    """No agent and wrong use are 3, unknown: 2 would be a critical alarm."""
    assert tm("status", *arguments).code == 3


def test_explain(tm) -> None:
    """A code is explained in words that fit a terminal; a near miss is helped."""
    said = tm("explain", "tls-expired")
    assert said.code == 0
    assert "It means: " in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    assert tm("explain", "tls-expired", "--json").json["text"].startswith("You see: ")
    assert "tls-expired" in tm("explain").out.splitlines()
    said = tm("explain", "tls-expird")
    assert said.code == 2
    assert "Did you mean tls-expired?" in said.err
    assert "\x1b" not in tm("explain", "\x1b[2J").err


def test_the_exit_code_reaches_the_shell(home: Path) -> None:
    """The process ends with what the check found."""
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "tm_tui.cli", "status", "--check"], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (3, b"")
