"""`tm-tui identity`: a copied machine gets a name of its own, and loses nothing by it."""

import json
from pathlib import Path

from conftest import Tm, agent_of

EVENT = {
    "kind": "threat-event",
    "time": "2026-11-29T12:00:00Z",
    "endpoint": {"hostname": "pc-17", "ip": "10.0.0.17", "mac": "00:11:22:33:44:55"},
    "event_type": "on-demand-scan-by-user",
    "source": "tmsp",
    "status": "cleaned",
    "threat": {"name": "Trojan.X", "severity": "high"},
}


def events(*ids: str) -> bytes:
    """So many lines."""
    return b"".join(json.dumps({**EVENT, "id": one}).encode() + b"\n" for one in ids)


def test_a_running_agent_keeps_its_identity(tm: Tm, home: Path, agent: object) -> None:
    """While it runs nothing is changed under it: the refusal says what to do."""
    before = tm("identity", "show").out
    refused = tm("identity", "new")
    assert refused.code == 1
    assert "runs in this home" in refused.err
    assert tm("identity", "show").out == before


def test_a_copy_registers_anew_and_delivers_what_it_had(
    tm: Tm, home: Path, portal: dict, lab: list[str]
) -> None:
    """What was sealed before goes out under the name of then, what comes later under the new one."""
    password = Path(portal["password_file"])
    logs = password.parent / "logs"
    with agent_of(home):
        assert tm("config", "set", *lab).code == 0
        assert tm("config", "secret", "tmsp", stdin=password.read_bytes()).code == 0
        assert tm("config", "set", "tmsp.enabled", "true").code == 0
        assert tm("logs", "add", stdin=events("one")).code == 0
        assert tm("logs", "send").code == 0
        before = tm("identity", "show", "--json").json["appliance"]
        assert tm("config", "set", "tmsp.enabled", "false").code == 0
        assert tm("logs", "add", stdin=events("two")).code == 0
        tm("logs", "send")  # sealed; there is nobody to send to
    changed = tm("identity", "new", "--json").json
    assert changed["before"] == before != changed["appliance"]
    with agent_of(home):
        assert tm("config", "set", "tmsp.enabled", "true").code == 0
        assert tm("logs", "add", stdin=events("three")).code == 0
        assert tm("logs", "send").code == 0
        assert tm("logs", "list", "--json").json["events"] == 0
    now = {path.name for path in (logs / changed["appliance"]).glob("*.zst")}
    then = {path.name for path in (logs / before).glob("*.zst")}
    assert len(now) + len(then) >= 2
    assert all(name.startswith(changed["appliance"]) for name in now)
    assert all(name.startswith(before) for name in then)
    assert now
