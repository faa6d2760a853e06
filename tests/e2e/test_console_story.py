"""The whole story on a real terminal, by keyboard alone."""

import os

import pytest

from e2e.lab import COMMAND, lab, processes_with, short_folder
from e2e.terminal import Terminal

PASSWORD = "geheim-%/#:@ü"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_demo_by_keyboard(columns: int, rows: int) -> None:
    """The demo opens filled in; Test, Save, connected; the logs that waited are sent, and it is told."""
    with short_folder() as folder:
        environ = {**os.environ, "TMPDIR": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        with Terminal((COMMAND, "demo"), environ, columns=columns, rows=rows) as terminal:
            terminal.wait_for("The form is filled in", 60)
            terminal.wait_for("TMSP  DISABLED")
            terminal.wait_for("34 waiting")
            terminal.send("F3")
            terminal.wait_for("Test passed")
            terminal.send("F2")
            terminal.wait_for("Saved as revision 2")
            terminal.wait_for("TMSP  CONNECTED")
            terminal.send("F4")
            terminal.wait_for("Enter Open")
            terminal.go_down_to("Log Queue")
            terminal.wait_for("[ Send now F5 ]")
            terminal.send("F5")
            terminal.wait_for("0 waiting, sent")
            terminal.go_down_to("Activity")
            terminal.wait_for("Registered as")
            terminal.send("F10")
            assert terminal.wait_for_end() == 0
        assert list(folder.iterdir()) == []
        assert processes_with(str(folder)) == []


def test_demo_survives_a_hang_up() -> None:
    """When the line goes, the demo takes its portal, agent and files with it."""
    with short_folder() as folder:
        environ = {**os.environ, "TMPDIR": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        with Terminal((COMMAND, "demo"), environ) as terminal:
            terminal.wait_for("The form is filled in", 60)
        assert list(folder.iterdir()) == []
        assert processes_with(str(folder)) == []


def test_register_from_nothing() -> None:
    """An admin is told about a wrong password, approves the host key, saves, and is connected."""
    with lab(PASSWORD) as made:
        agent = made.start_agent()
        made.run("config", "set", *made.settings("ssh"))
        with Terminal((COMMAND,), made.environ) as terminal:
            terminal.wait_for("TMSP  DISABLED")
            terminal.send("Down", "Enter")
            terminal.wait_for("[ Test F3 ]")
            terminal.send("Space")
            terminal.wait_for("[x]")
            terminal.tab_to("Password")
            terminal.send("wrong one")
            terminal.send("F3")
            terminal.wait_for("Is this the log server?")
            terminal.wait_for(made.ready["ssh_host_key"].removeprefix("SHA256:")[:4])
            terminal.send("Tab", "Enter")
            terminal.wait_for("ssh-auth-refused")
            terminal.send(*["Backspace"] * len("wrong one"), PASSWORD)
            terminal.wait_for("values changed")
            terminal.send("F3")
            terminal.wait_for("Test passed")
            terminal.send("F2")
            terminal.wait_for("TMSP  CONNECTED")

            agent.kill()
            agent.wait()
            terminal.wait_for("NOT RUNNING")
            made.start_agent()
            terminal.wait_for("TMSP  CONNECTED", 60)

            made.run("config", "set", "tmsp.email", "other@example.com", "--note", "from elsewhere")
            terminal.send("F10")
            assert terminal.wait_for_end() == 0


def test_a_changed_host_key_is_forgotten_in_a_step_of_its_own() -> None:
    """When the log server shows another key, the admin is warned and must forget the old one first."""
    with lab(PASSWORD) as made:
        made.start_agent()
        where = f"[127.0.0.1]:{made.ready['log_server']['ssh_port']}"
        made.run("config", "set", *made.settings("ssh"))
        made.run("config", "secret", "tmsp", stdin=PASSWORD + "\n")
        assert made.run("trust", "approve", where, made.ready["ssh_host_key"]).returncode == 0
        before = made.ready["ssh_host_key"]
        made.restart_portal_with_new_host_key()
        assert made.ready["ssh_host_key"] != before
        with Terminal((COMMAND,), made.environ) as terminal:
            terminal.wait_for("TMSP  DISABLED")
            terminal.send("Down", "Enter")
            terminal.wait_for("[ Test F3 ]")
            terminal.send("F3")
            terminal.wait_for("CHANGED")
            terminal.send("Tab", "Enter")
            terminal.wait_for("Forget this host key?")
            terminal.send("Tab", "Enter")
            terminal.wait_for("Is this the log server?")
            terminal.wait_for(made.ready["ssh_host_key"].removeprefix("SHA256:")[:4])
            terminal.send("Tab", "Enter")
            terminal.wait_for("Not approved")  # the saved password would go to a server with another key
            terminal.send(PASSWORD)
            terminal.wait_for("**********")
            terminal.send("F3")
            terminal.wait_for("Is this the log server?")
            terminal.send("Tab", "Enter")
            terminal.wait_for("Test passed")
            terminal.send("F10")
            terminal.wait_for("Leave with unsaved")
            terminal.send("Tab", "Enter")
            assert terminal.wait_for_end() == 0
        assert made.ready["ssh_host_key"] in made.run("trust", "show").stdout
        assert before not in made.run("trust", "show").stdout
