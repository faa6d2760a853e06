"""Hostile text from every side, end to end: events, file names, notes, patterns, settings of a damaged file.

What reaches the admin's terminal holds no control sequence of theirs, on no page and behind no command.
"""

import json
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import find
from hypothesis import strategies as st

from e2e.lab import COMMAND, Lab, lab
from e2e.terminal import Terminal
from screens.desk.menu import entries
from tm_tui.text import is_safe

pytestmark = pytest.mark.timeout(240)

PASSWORD = "geheim-4711"
OSC, DCS, CSI, APC = "\x1b]52;c;Q0FO\x07", "\x1bP1$r\x1b\\", "\x9b31m\x9d0;x\x9c", "\x1b_G\x1b\\"
MARKUP, BIDI = "[@click=app.bell]x[/]", "\u202eevil\u2066"
PAYLOADS = (OSC, DCS, CSI, APC, "\x1b[2J\x1bc", BIDI, "\x07\x08\x0e\x7f", MARKUP)
NEVER = ("\x1b]", "\x1bP", "\x1b_", "\x1bc", "\x07", "\x9b", "\x9d", "\u202e", "\u2066")
"""What our driver never sends, so that it can only come from outside."""


def found_by_chance(number: int) -> list[str]:
    """Some shortest texts that are unsafe in ways nobody listed here."""
    alphabet = st.characters(exclude_characters="\x00\n\r\t", exclude_categories=("Cs",))
    texts = (st.text(alphabet, min_size=size, max_size=12) for size in range(1, number + 1))
    return [find(text, lambda found: not is_safe(found)) for text in texts]


def hostile_events() -> Iterator[dict[str, object]]:
    """Threat events and root causes whose every free text is hostile."""
    at = "2026-11-25T10:00:00Z"
    kinds = {"event_type": "on-demand-scan-by-user", "source": "on-demand-scan", "status": "unsuccessful"}
    for number, text in enumerate((*PAYLOADS, *found_by_chance(4))):
        base = {"time": at, "endpoint": {"hostname": f"pc-{number}-{text}"}}
        threat = {"name": f"T{number} {text}", "severity": "high"}
        yield {"kind": "threat-event", "id": f"evil-{number}", **base, **kinds, "threat": threat}
        link = {"time": at, "actor": text, "action": f"created {text}", "object": text, "parent": text}
        why = {"id": f"why-{number}", "threat_event_id": f"evil-{number}", "chain": [link]}
        yield {"kind": "root-cause", **base, **why}


def assert_harmless(where: str, data: bytes | str) -> None:
    """Fail if anything that only an attacker sends is in `data`."""
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    for sequence in NEVER:
        assert sequence not in text, f"{where}: {sequence!r}"


@pytest.fixture(scope="module")
def attacked() -> Iterator[Lab]:
    """A lab into which hostile text came wherever text can come from."""
    with lab(PASSWORD) as made:
        made.start_agent()
        note = ("--note", f"because {OSC}{CSI}")
        assert made.run("config", "set", *made.settings("ssl"), *note).returncode == 0
        made.run("config", "secret", "tmsp", stdin=PASSWORD + "\n")
        assert made.run("config", "set", "tmsp.enabled", "true").returncode == 0
        lines = [json.dumps(event) for event in hostile_events()]
        taken = json.loads(made.run("logs", "add", "--json", stdin="\n".join(lines)).stdout)
        assert taken["accepted"] == len(lines), taken
        assert made.run("logs", "send").returncode == 0
        evidence = made.folder / "evidence"
        evidence.mkdir()
        for text in PAYLOADS:
            (evidence / f"f{text.replace('/', '_')}").write_text("x")
        words = ("--endpoint", f"pc{OSC}", "--threat", f"T{CSI}", "--description", f"D{DCS}")
        assert made.run("case", "submit", str(evidence), *words, "--wait").returncode == 0
        portal = ("portal", "--home", str(made.folder / "p"))
        pattern = made.folder / "pattern"
        pattern.write_bytes(b"pattern")
        issued = (*portal, "pattern", "issue", str(pattern), "--type", "bandage", "--description")
        assert made.run(*issued, f"Removes {OSC}{APC}").returncode == 1
        assert made.run(*issued, f"Removes {MARKUP}").returncode == 0
        assert made.run(*portal, "report", "make", "incident").returncode == 0
        made.run("pattern", "check")
        yield made


def test_no_command_passes_it_on(attacked: Lab) -> None:
    """Lists, exports and answers of every kind are clean, and what is not dangerous is shown as it is."""
    shown = ""
    portal = ("portal", "--home", str(attacked.folder / "p"))
    for words in (
        *(("status",), ("activity",), ("config", "history"), ("config", "diff", "0", "1"), ("logs", "list")),
        *(("case", "list"), ("pattern", "list"), ("report", "list"), ("report", "show", "latest")),
        *(("trust", "show"), ("diagnostics", "--text"), ("config", "set", "tmsp.email", OSC)),
        *(("explain", OSC), ("report", "show", OSC), ("config", "get", OSC)),
        *((*portal, name, "list") for name in ("report", "case", "pattern")),
        (*portal, "endpoints"),
    ):
        for more in ((), ("--json",)):
            done = attacked.run(*words, *more)
            assert_harmless(repr((*words, *more)), done.stdout + done.stderr)
            shown += done.stdout
    assert MARKUP in shown


def test_no_page_passes_it_on(attacked: Lab) -> None:
    """Every page is opened on a real terminal; a report is read; no byte of an attacker's reaches it."""
    with Terminal((COMMAND,), attacked.environ) as terminal:
        terminal.wait_for("CONNECTED")
        for entry in entries():
            terminal.send("F4", "\x1b[H")
            terminal.wait_for(">Status")
            terminal.go_down_to(entry.name)
            terminal.send("Enter")
            terminal.settle()
            if entry.name == "Reports":
                terminal.send("Enter")
                terminal.settle()
                terminal.send("Space", "Esc")
                terminal.settle()
        terminal.send("F10")
        terminal.settle()
        assert b"@click=app" in terminal.raw, "nothing hostile was in sight: this test looked at nothing"
        assert_harmless("the terminal", bytes(terminal.raw))


def test_a_damaged_file_says_nothing_of_its_own(attacked: Lab) -> None:
    """Settings that were overwritten with escapes are refused by cause and remedy, without repeating them."""
    newest = max((attacked.home / "config" / "revisions").iterdir())
    damaged = f'schema = 1\n[tmsp]\nusername = "{OSC}{CSI}'.encode()
    (newest / "settings.toml").write_bytes(damaged + b"\xff\x1b]0;x\x07")
    pid = json.loads(attacked.run("status", "--json").stdout)["pid"]
    with Terminal((COMMAND, "status", "--watch", "--json"), attacked.environ) as terminal:
        terminal.wait_for(lambda _: b"alerts" in terminal.raw)
        os.kill(pid, signal.SIGHUP)
        terminal.wait_for(lambda _: b"settings.toml" in terminal.raw)
        assert_harmless("status --watch", bytes(terminal.raw))
    told = attacked.run("status")
    assert "settings.toml" in told.stdout, told.stdout
    assert_harmless("status", told.stdout + told.stderr)
    assert_harmless("activity", attacked.run("activity").stdout)
