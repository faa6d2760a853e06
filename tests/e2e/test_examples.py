"""The shell examples of README and guide do what they say, with a real agent, portal and proxy."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from documents import DOCS, Example, examples, pages
from e2e.lab import COMMAND, Lab, lab
from forked import Forked
from servers.proxies import tinyproxy
from tm_tui.demo.logs import lines_of, some_events
from tm_tui.demo.patterns import unresolved_events

GUIDE = DOCS / "guide.md"
PASSWORD = "Lab-password-1"
Agent = subprocess.Popen[bytes]
ENGINE = """\
import json, sys
for endpoint in json.load(sys.stdin)["endpoints"]:
    print(json.dumps({"id": endpoint["id"], "outcome": "deployed", "cleanup": "cleaned"}))
"""


def prepare(made: Lab) -> None:
    """What an admin has at hand before the first example: files, an engine, a portal with a pattern."""
    now = datetime.now(UTC)
    events = [*some_events("guide", 8, now), *unresolved_events(now)]
    (made.folder / "events.ndjson").write_bytes(lines_of(events))
    evidence = made.folder / "evidence"
    evidence.mkdir()
    (evidence / "x.exe").write_bytes(b"MZ" + bytes(4000))
    (made.folder / "x.pattern").write_bytes(bytes(1000))
    portal = ("portal", "--home", str(made.folder / "p"))
    issue = ("pattern", "issue", str(made.folder / "x.pattern"), "--type", "bandage", "--description", "x")
    done = made.run(*portal, *issue)
    assert done.returncode == 0, done.stderr
    engine = made.folder / "engine.py"
    engine.write_text(ENGINE)
    (made.home / "config").mkdir(mode=0o700, exist_ok=True)
    deployer = made.home / "config" / "deployer.toml"
    deployer.write_text(f'argv = ["{os.path.realpath("/usr/bin/python3")}", "{engine}"]\n')
    deployer.chmod(0o600)


def placeholders(made: Lab, proxy_port: int) -> dict[str, str]:
    """What stands in the pages for a reader's own, and what it is in this lab."""
    log_server, status_server = made.ready["log_server"], made.ready["status_server"]
    more = f"tmsp.status_server.port {status_server['port']} trust.ca_file {made.ready['ca_file']}"
    return {
        "trust.ca_file /etc/ssl/portal-ca.pem": "",
        "[logs.example.com]:22": f"[{log_server['host']}]:{log_server['ssh_port']}",
        "SHA256:uNiVztksCsDhcc0u9e8BrrJXVuNKLCYBpMIoQUJDnZc": made.ready["ssh_host_key"],
        "tmsp.log_server.protocol ssl": f"tmsp.log_server.protocol ssl tmsp.log_server.port "
        f"{log_server['https_port']} {more}",
        "tmsp.log_server.protocol ssh": f"tmsp.log_server.protocol ssh tmsp.log_server.port "
        f"{log_server['ssh_port']}",
        "logs.example.com": log_server["host"],
        "status.example.com": status_server["host"],
        "192.0.2.10": log_server["host"],
        "registering-user": "appliance",
        "proxy.example.com proxy.port 3128": f"127.0.0.1 proxy.port {proxy_port}",
        "/var/tmp/evidence": str(made.folder / "evidence"),
        "# edit new.toml": "sed -i 's/^enabled = true/enabled = false/' new.toml",  # so that no beat confirms
        "pattern deploy 42": "pattern deploy 1",
        "pattern cleanup 42": "pattern cleanup 1",
        "config rollback 17": "config rollback $BEFORE",
        "/var/lib/prometheus/node-exporter": str(made.folder),
        "/srv/portal": str(made.folder / "p"),
        "tm-0123456789ab": "$APPLIANCE",
    }


def until(made: Lab, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The first status of the agent in which it holds."""
    with Forked(
        (COMMAND, "status", "--watch", "--json"), env=made.environ, stdout=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        for line in watch.stdout:
            status: dict[str, Any] = json.loads(line)
            if holds(status):
                watch.terminate()
                return status
    raise AssertionError("the agent went away")


def ready_for(made: Lab, example: Example) -> dict[str, str]:
    """Wait for what an admin would have waited for; variables that stand for what the admin reads off."""
    status = until(made, lambda now: now["state"] in {"connected", "disabled"})
    if "tm-tui report show" in example.text:
        assert made.run("logs", "send").returncode == 0
        made_now = made.run("portal", "--home", str(made.folder / "p"), "report", "make", "daily")
        assert made_now.returncode == 0, made_now.stderr
        status = until(made, lambda now: now["reports"]["kept"])
    if "tm-tui pattern deploy" in example.text:
        status = until(made, lambda now: now["patterns"]["newest_id"])
    return {"BEFORE": str(status["revision"] - 1), "APPLIANCE": status["appliance"]}


def run_example(made: Lab, example: Example, known: dict[str, str], used: set[str]) -> None:
    """Run one block as it stands but for the placeholders, with the password on its standard input."""
    text = example.text
    for placeholder, real in known.items():
        if placeholder in text:
            used.add(placeholder)
            text = text.replace(placeholder, real)
    path = f"{os.path.dirname(COMMAND)}{os.pathsep}{made.environ['PATH']}"  # noqa: PTH120 - a search path
    done = subprocess.run(
        ("sh", "-eux", "-c", text),
        env={**made.environ, "PATH": path, **ready_for(made, example)},
        cwd=made.folder,
        input=f"{PASSWORD}\n" * 3,  # each command takes its line and leaves the rest
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{example.page}:\n{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.timeout(600)
def test_the_examples_run() -> None:
    """Each command that a page marks as tested succeeds, in the order of the page."""
    with lab(PASSWORD) as made, tinyproxy(f"BasicAuth appliance {PASSWORD}") as proxy_port:
        prepare(made)
        made.start_agent()
        assert made.run("config", "set", "tmsp.heartbeat_seconds", "5").returncode == 0
        known, used = placeholders(made, proxy_port), set[str]()
        for page in sorted(pages(), key=lambda page: (page == GUIDE, page)):  # the guide ends it all
            for example in examples(page):
                if example.tested and "systemctl" not in example.text:
                    run_example(made, example, known, used)
        assert used == set(known)
        files_are_documented(made)


def files_are_documented(made: Lab) -> None:
    """Each file that the agent made in its configuration stands in the guide."""
    guide = GUIDE.read_text(encoding="utf-8")
    found = {path.name for path in (made.home / "config").rglob("*") if path.is_file()}
    assert {"settings.toml", "secrets.json", "meta.json", "ca.pem", "host_keys", "deployer.toml"} <= found
    undocumented = {name for name in found if f"{name}`" not in guide}
    assert not undocumented


def run_with_agent(made: Lab, example: Example, agent: Agent) -> Agent:
    """Run a block line by line; where it names systemd's unit, do to the lab's agent what systemd does."""
    known = {
        "-C / ": f"-C {made.home} ",
        " etc/tm-tui var/lib/tm-tui": " config state",
        "/etc/tm-tui": str(made.home / "config"),
        "/var/lib/tm-tui": str(made.home / "state"),
        "/root/tm-tui.tar": str(made.folder / "tm-tui.tar"),
    }
    for line in example.text.splitlines():
        if line == "systemctl stop tm-tui-agent":
            agent.terminate()
            assert agent.wait(60) == 0
        elif line == "systemctl start tm-tui-agent":
            agent = made.start_agent()
        else:
            for placeholder, real in known.items():
                line = line.replace(placeholder, real)  # noqa: PLW2901
            subprocess.run(("sh", "-c", line), check=True, timeout=60)
    return agent


def test_a_backup_brings_back_what_was_there() -> None:
    """The guide's way to back up and restore keeps settings, password, name and waiting logs."""
    blocks = [one for one in examples(GUIDE) if "systemctl" in one.text and one.tested]
    backup, restore = blocks
    with lab(PASSWORD) as made:
        agent = made.start_agent()
        assert made.run("config", "set", *made.settings()).returncode == 0
        assert made.run("config", "secret", "tmsp", stdin=f"{PASSWORD}\n").returncode == 0
        events = [lines_of(some_events(name, 4, datetime.now(UTC))).decode() for name in ("before", "after")]
        assert made.run("logs", "add", stdin=events[0]).returncode == 0
        before = json.loads(made.run("status", "--json").stdout)
        agent = run_with_agent(made, backup, agent)

        assert made.run("config", "set", "tmsp.email", "new@example.com").returncode == 0
        assert made.run("logs", "add", stdin=events[1]).returncode == 0
        run_with_agent(made, restore, agent)

        after = json.loads(made.run("status", "--json").stdout)
        for key in ("revision", "appliance"):
            assert after[key] == before[key]
        assert after["spool"]["events"] == before["spool"]["events"] > 0
        assert made.run("config", "get", "tmsp.email").stdout.strip() == ""
        assert made.run("test").returncode == 0
