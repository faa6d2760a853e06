"""The way that every admin goes once: a fresh appliance is registered, with as few keys as it takes."""

import json
import re

from e2e.lab import Lab, lab
from e2e.looks import Look, every_look, go_to
from e2e.terminal import Terminal

PASSWORD = "geheim-%/#:@"
MOST_KEYS = 10
"""Beside what is typed into fields."""


class Keys:
    """Sends keys and counts them; what is typed into a field does not count."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.count = 0

    def press(self, *keys: str) -> None:
        """Press keys that have names."""
        self.count += len(keys)
        self._terminal.send(*keys)

    def type(self, text: str) -> None:
        """Type into the field that has the focus."""
        self._terminal.send(text)


@every_look
def test_a_fresh_appliance_is_registered_tries_another_server_and_is_switched_off(look: Look) -> None:
    """Ten keys register it; a wrong server on trial is taken back by itself; Status remembers it all."""
    with lab(PASSWORD) as made:
        agent = made.start_agent()
        log_server, status_server = made.ready["log_server"], made.ready["status_server"]
        ports = {
            "tmsp.log_server.port": str(log_server["ssh_port"]),
            "tmsp.status_server.port": str(status_server["port"]),
            "trust.ca_file": made.ready["ca_file"],
        }
        made.run("config", "set", *(word for pair in ports.items() for word in pair))
        assert "Have at hand" in made.run("status").stdout
        with look.console(made.environ) as terminal:
            register(terminal, log_server["host"], status_server["host"])
            try_another_port(terminal)
            agent.kill()
            agent.wait()
            terminal.wait_for("NOT RUNNING")
            run_out_of_time(made)
            agent = made.start_agent()
            terminal.wait_for("A trial was taken back")
            terminal.send("Right", "Enter")
            terminal.wait_for("TMSP  CONNECTED")
            assert (
                made.run("config", "get", "tmsp.log_server.port").stdout.strip()
                == ports["tmsp.log_server.port"]
            )
            switch_off(terminal)
            agent.terminate()
            agent.wait()
            terminal.wait_for("NOT RUNNING")
            made.start_agent()
            terminal.wait_for("TMSP  DISABLED")
            go_to(terminal, "Status")
            terminal.wait_for("switched off")
            assert re.search("Registered +never", terminal.text) is None
            terminal.send("F10")
            assert terminal.wait_for_end() == 0
        assert "Have at hand" not in made.run("status").stdout


def register(terminal: Terminal, log_server: str, status_server: str) -> None:
    """The way that everybody goes, with the keys counted."""
    keys = Keys(terminal)
    terminal.wait_for("Register this appliance")
    keys.press("Enter", "Enter")
    terminal.wait_for("1 changed")
    keys.type(log_server)
    keys.press("Tab")
    keys.type(status_server)
    keys.press("Tab")
    keys.type("appliance")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Tab")
    keys.type("admin@example.com")
    keys.press("F2")
    terminal.wait_for("Is this the log server?")
    keys.press("Tab", "Enter")
    terminal.wait_for("TMSP  CONNECTED")
    assert keys.count <= MOST_KEYS


def try_another_port(terminal: Terminal) -> None:
    """The first digit takes the number's place; another way asks for the password; F6 stands on the trial."""
    terminal.tab_to("Log port")
    terminal.send("1")
    terminal.wait_for(lambda text: re.search(r"Log port *>1_", text) is not None)
    terminal.tab_to("Password")
    terminal.send(PASSWORD)
    terminal.wait_for("*" * len(PASSWORD))
    terminal.send("F6")
    terminal.wait_for("Save untested?")
    terminal.send("Enter")
    terminal.wait_for("TRIAL ")


def run_out_of_time(made: Lab) -> None:
    """Nobody confirms, and the time of the trial is over."""
    path = made.home / "config" / "trial.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "boot_deadline": 1.0}))


def switch_off(terminal: Terminal) -> None:
    """Space on the check box, F2, and the answer that is not the safe one."""
    go_to(terminal, "Services > Threat")
    terminal.wait_for("[x]")
    terminal.tab_until(lambda text: ">[x]" in text)
    terminal.send("Space")
    terminal.wait_for("[ ]")
    terminal.send("F2")
    terminal.wait_for("Switch off sending to TMSP?")
    terminal.send("Right", "Enter")
    terminal.wait_for("sending is now OFF")
    terminal.wait_for("TMSP  DISABLED")
