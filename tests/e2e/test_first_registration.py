"""The way that every admin goes once: a fresh appliance is registered, with as few keys as it takes."""

import pytest

from e2e.lab import COMMAND, lab
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


@pytest.mark.parametrize(
    ("term", "lang"), [("xterm-256color", "C.UTF-8"), ("vt100", "C")], ids=["utf-8", "vt100"]
)
def test_a_fresh_appliance_is_registered_with_ten_keys(term: str, lang: str) -> None:
    """Status says what to have at hand and Enter begins; F2 tests, asks about the host key, and saves."""
    with lab(PASSWORD) as made:
        made.start_agent()
        log_server, status_server = made.ready["log_server"], made.ready["status_server"]
        ports = {
            "tmsp.log_server.port": str(log_server["ssh_port"]),
            "tmsp.status_server.port": str(status_server["port"]),
            "trust.ca_file": made.ready["ca_file"],
        }
        made.run("config", "set", *(word for pair in ports.items() for word in pair))
        assert "Have at hand" in made.run("status").stdout
        environ = made.environ | {"TERM": term, "LANG": lang, "LC_ALL": lang}
        with Terminal((COMMAND,), environ) as terminal:
            keys = Keys(terminal)
            terminal.wait_for("not registered with the Threat")
            terminal.wait_for("Have at hand")
            keys.press("Enter", "Enter")
            terminal.wait_for("1 changed")
            keys.type(log_server["host"])
            keys.press("Tab")
            keys.type(status_server["host"])
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
            terminal.send("F10")
            assert terminal.wait_for_end() == 0
        assert made.run("config", "get", "tmsp.enabled").stdout.strip() == "true"
        assert "Have at hand" not in made.run("status").stdout
