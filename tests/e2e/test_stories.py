"""What misled an admin once, told as stories on every kind of terminal."""

import json
import sys
from datetime import UTC, datetime

from e2e.lab import Lab, lab
from e2e.looks import LOOKS, Look, every_look, go_to
from e2e.terminal import Terminal

PASSWORD = "geheim-%/#:@"
TEN = [f"laptop-{number:04}.branch.example.net" for number in range(10)]


def connected(made: Lab) -> None:
    """Registered by commands, over SSL."""
    made.run("config", "set", *made.settings("ssl"))
    made.run("config", "secret", "tmsp", stdin=PASSWORD + "\n")
    done = made.run("config", "set", "tmsp.enabled", "true")
    assert done.returncode == 0, done.stderr


@every_look
def test_a_console_that_runs_the_agent_says_so_and_asks(look: Look) -> None:
    """Connected by its own agent: said from the start, asked at F10, and told in a line after the end."""
    with lab(PASSWORD) as made:
        agent = made.start_agent()
        connected(made)
        agent.terminate()
        agent.wait()
        with look.console(made.environ) as terminal:
            terminal.wait_for("private agent")
            terminal.wait_for("TMSP  CONNECTED")
            go_to(terminal, "System > About")
            terminal.wait_for("this console's own")
            terminal.send("F10")
            terminal.wait_for("End the agent too?")
            terminal.send("Enter")
            terminal.wait_for("TMSP  CONNECTED")
            terminal.send("F10")
            terminal.wait_for("End the agent too?")
            terminal.send("Right", "Enter")
            terminal.wait_for_end()
            assert "nobeats,nologs" in "".join(terminal.text.split())


@every_look
def test_a_conflict_shows_before_theirs_and_yours(look: Look) -> None:
    """Somebody saved the same field: all three values stand in the question; ours goes on top of theirs."""
    with lab(PASSWORD) as made:
        made.start_agent()
        made.run("config", "set", "tmsp.email", "before@example.com")
        with look.console(made.environ) as terminal:
            terminal.wait_for("DISABLED")
            go_to(terminal, "Services > Threat")
            terminal.tab_to("E-mail")
            terminal.send("\x15", "yours@example.com")
            terminal.wait_for("yours@example.com")
            made.run("config", "set", "tmsp.email", "theirs@example.com")
            terminal.wait_for("meanwhile")
            terminal.send("F2")
            terminal.wait_for("Somebody else saved meanwhile")
            for words in (
                "before  before@example.com",
                "theirs  theirs@example.com",
                "yours   yours@example",
            ):
                see(terminal, words)
            terminal.send("Right", "Enter")
            terminal.wait_for("on top of theirs")
            terminal.send("F2")
            terminal.wait_for("Saved as revision 3")
            terminal.send("F10")
            assert terminal.wait_for_end() == 0


@every_look
def test_a_pattern_goes_to_two_of_ten_and_a_cut_result_opens(look: Look) -> None:
    """None marked is none; two marked are two; the line above the status follows; Enter shows a row whole."""
    with lab(PASSWORD) as made:
        made.start_agent()
        ten_unresolved(made)
        with look.console(made.environ) as terminal:
            terminal.wait_for("TMSP  CONNECTED")
            go_to(terminal, "Services > Pattern")
            terminal.wait_for("bandage")
            terminal.send("Enter")
            see(terminal, "No endpoint is marked")
            terminal.send("Enter")
            terminal.wait_for(lambda text: "Close" not in text)
            terminal.send("Tab", "Space", "Space", "Enter")
            terminal.wait_for("It goes to 2 endpoints")
            terminal.send("Right", "Enter")
            terminal.wait_for("is over: 2 of 2 deployed")
            terminal.send("Tab", "Enter")
            terminal.wait_for(f"Endpoint {TEN[9]}")
            see(terminal, "cleaned")
            terminal.send("Esc", "F10")
            assert terminal.wait_for_end() == 0


def test_the_bundle_reaches_the_portal_without_a_shell() -> None:
    """Diagnostics asks, hands the bundle in as a case, and the portal has it; nothing stays in the inbox."""
    with lab(PASSWORD) as made:
        made.start_agent()
        connected(made)
        with LOOKS["80x24"].console(made.environ) as terminal:
            terminal.wait_for("TMSP  CONNECTED")
            go_to(terminal, "System > Diagnostics")
            terminal.wait_for("Submit as a case")
            terminal.send("Enter")
            terminal.wait_for("No password is in it")
            terminal.send("Right", "Enter")
            terminal.wait_for("Case 1 ")
            go_to(terminal, "Services > Submit")
            terminal.wait_for("new case received")
            terminal.send("F10")
            assert terminal.wait_for_end() == 0
        told = made.run("case", "show", "1").stdout
        assert "The bundle for support of this appliance" in told
        assert "tar.gz" in told
        assert "0 files" in made.run("case", "list").stdout.splitlines()[0]


def see(terminal: Terminal, words: str) -> None:
    """Wait for words of a question, which scrolls where it is longer than the screen."""
    for _ in range(8):
        if words in terminal.settle(0.2):
            return
        terminal.send("\x1b[6~")
    terminal.wait_for(words)


def ten_unresolved(made: Lab) -> None:
    """Ten endpoints that events name as unresolved, a mitigation engine, and a pattern that came."""
    engine = made.folder / "engine"
    engine.mkdir()
    (engine / "endpoints.json").write_text(json.dumps({name: {"cleanup": "cleaned"} for name in TEN}))
    deployer = made.home / "config" / "deployer.toml"
    deployer.write_text(
        f"argv = {json.dumps([sys.executable, '-m', 'tm_tui.demo.endpoints', str(engine)])}\n"
    )
    deployer.chmod(0o600)
    events = [
        {
            "kind": "threat-event",
            "id": f"ward-{number}",
            "time": datetime.now(UTC).isoformat(),
            "endpoint": {"hostname": name, "ip": f"192.0.2.{number + 1}"},
            "event_type": "threat-discovery-appliance-event",
            "source": "threat-discovery-appliance",
            "status": "unsuccessful",
            "threat": {"name": "RTKT_HIDE.C", "severity": "critical"},
        }
        for number, name in enumerate(TEN)
    ]
    taken = made.run("logs", "add", stdin="".join(json.dumps(event) + "\n" for event in events))
    assert taken.returncode == 0, taken.stderr
    content = made.folder / "fix.pattern"
    content.write_bytes(b"TM-TUI PATTERN\n" + bytes(range(256)))
    issued = made.run(
        *("portal", "--home", str(made.folder / "p"), "pattern", "issue", str(content)),
        *("--type", "bandage", "--description", "Removes RTKT_HIDE.C"),
    )
    assert issued.returncode == 0, issued.stderr
    connected(made)
