"""`tm-tui report` against a real agent and a real portal: list, show, marks, JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import forked

pytestmark = pytest.mark.usefixtures("agent")
PATIENCE = 60.0


def test_nothing_there_yet(tm) -> None:
    """A fresh appliance: no report, and that nothing is fetched while sending is switched off."""
    said = tm("report", "list")
    assert said.code == 0
    assert "Sending to TMSP is switched off" in said.out
    assert "0 reports, 0 not read." in said.out
    missing = tm("report", "show", "latest")
    assert (missing.code, "There is no report latest." in missing.err) == (1, True)
    assert tm("report", "list", "--json").json["reports"] == []


def _made(portal: dict[str, Any], kind: str) -> None:
    """Let the portal make one, as its operator would."""
    command = [sys.executable, "-m", "tm_tui.cli", "portal", "report", "make", kind]
    home = str(Path(portal["ca_file"]).parent)
    done = forked.run([*command, "--home", home], timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def test_a_report_from_portal_to_terminal(tm, lab: list[str], portal: dict[str, Any]) -> None:
    """Registered, reported, noticed by a beat, fetched, listed, shown as plain text, marked as read."""
    assert tm("config", "set", *lab, "tmsp.heartbeat_seconds", "5").code == 0
    assert tm("config", "secret", "tmsp", stdin=Path(portal["password_file"]).read_bytes()).code == 0
    assert tm("config", "set", "tmsp.enabled", "true").code == 0
    end = time.monotonic() + PATIENCE
    while tm("status", "--json").json["status_server"]["state"] != "connected":
        assert time.monotonic() < end
    _made(portal, "daily")
    while not (found := tm("report", "list", "--json").json["reports"]):
        assert time.monotonic() < end
    assert (found[0]["kind"], found[0]["read"]) == ("daily", False)
    assert tm("status", "--json").json["reports"]["unread"] == 1
    shown = tm("report", "show", "latest")
    assert shown.out.startswith("Daily administrative report: ")
    assert "**" not in shown.out
    assert "No threat events." in shown.out
    for which in (str(found[0]["number"]), found[0]["id"]):
        assert tm("report", "show", which).out == shown.out
    document = tm("report", "show", "latest", "--json").json
    assert document["text"].startswith("# Daily administrative report")
    assert json.dumps(document)
    assert tm("report", "list", "--json").json["reports"][0]["read"] is True
    assert "1 report, 0 not read" in tm("report", "list").out
    assert "Reports" in tm("status").out
