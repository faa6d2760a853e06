"""A test that fails, what it leads to, and how long its words are true, told on every kind of terminal."""

import hashlib
import ssl
from pathlib import Path

from e2e.lab import Lab, lab
from e2e.looks import Look, every_look, go_to
from e2e.terminal import Terminal

PASSWORD = "geheim-%/#:@"
PAGE_DOWN = "\x1b[6~"


@every_look
def test_an_unknown_issuer_leads_to_the_ca_file(look: Look) -> None:
    """What every on-premise admin meets first: Enter on a failure goes to the CA file; its SHA-256 is whole.

    The pane closes, and neither it nor what was told of one page stands on another.
    """
    with lab(PASSWORD) as made:
        made.start_agent()
        filled_in_without_ca_file(made)
        with look.console(made.environ) as terminal:
            terminal.wait_for("Register this appliance")
            go_to(terminal, "Services > Threat")
            terminal.wait_for(">[ ]")
            terminal.send("Space")
            terminal.wait_for(">[x]")
            terminal.tab_to("Password")
            terminal.send(PASSWORD)
            terminal.wait_for("*" * len(PASSWORD))
            terminal.send("F2")
            terminal.wait_for("Save after a FAILED test?")
            terminal.wait_for("log server, tls: tls-unknown-issuer")
            terminal.send("Esc")
            terminal.wait_for("Test FAILED at 2 steps")
            terminal.send(PAGE_DOWN)
            terminal.wait_for(">FAIL log server")
            terminal.send("Enter")
            terminal.wait_for("System > Server Identity")
            terminal.wait_for(lambda text: "CA file" in text and ">_" in text)
            terminal.send(made.ready["ca_file"], "F2")
            terminal.wait_for("TMSP  CONNECTED")
            the_ca_is_whole(terminal, Path(made.ready["ca_file"]))
            the_pane_goes(terminal)
            terminal.send("F10")
            assert terminal.wait_for_end() == 0


def filled_in_without_ca_file(made: Lab) -> None:
    """What a registration over SSL needs, but the authority behind the certificates, and the password."""
    words = made.settings("ssl")
    at = words.index("trust.ca_file")
    made.run("config", "set", *words[:at], *words[at + 2 :])


def the_ca_is_whole(terminal: Terminal, ca_file: Path) -> None:
    """The page asked anew after the save, and shows the SHA-256 in two rows that can be read out."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca_file.read_text())).hexdigest().upper()
    pairs = [digest[at : at + 2] for at in range(0, 64, 2)]
    if terminal.screen.lines < 24:
        terminal.send("Esc")  # the pane makes room
    for half in (pairs[:16], pairs[16:]):
        terminal.wait_for(":".join(half))
    assert "No authorities" not in terminal.text


def the_pane_goes(terminal: Terminal) -> None:
    """It stands where a form can be tested, one line for each server, until Esc, and nowhere else."""
    go_to(terminal, "Status")
    terminal.wait_for("Status server")
    assert "Saved as" not in terminal.text
    go_to(terminal, "Services > Threat")
    terminal.send("F3")
    terminal.wait_for("Test passed with the values above")
    if terminal.screen.lines < 40:
        assert terminal.text.count(" ok   ") == 2
    go_to(terminal, "Logs > Log Queue")
    terminal.wait_for(lambda text: "Test passed" not in text)
    go_to(terminal, "Services > Threat")
    terminal.wait_for("Test passed with the values above")
    terminal.send("Esc")
    terminal.wait_for(lambda text: "Test passed" not in text)
