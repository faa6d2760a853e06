"""The console in plain lines, driven as a script of a terminal server would: expect, send, expect."""

import subprocess
import sys

from e2e.lab import COMMAND, Lab, lab
from e2e.terminal import Terminal
from screens.desk.menu import entries

PASSWORD = "geheim-%/#:@ü"


class Expect:
    """What the program wrote since the last thing that was expected."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._at = 0

    def __call__(self, wanted: str, *typed: str) -> None:
        """Wait until `wanted` was written, then type lines."""
        sought = wanted.encode()
        self._terminal.wait_for(lambda _: sought in self._terminal.raw[self._at :])
        self._at += self._terminal.raw[self._at :].index(sought) + len(sought)
        for line in typed:
            self._terminal.send(f"{line}\r")

    def look_until(self, wanted: str, typed: str) -> None:
        """Open a screen again, as one who waits does, until it shows `wanted`: plain lines do not follow."""
        for _ in range(300):
            self("? help): ", typed)
            self("See also: ")
            if wanted.encode() in self._terminal.raw[: self._at]:
                return
        raise AssertionError(f"looked 300 times in vain for {wanted!r}:\n{self._terminal.text}")


def number_of(name: str) -> str:
    """What is typed for a screen in the menu."""
    return str([entry.name for entry in entries()].index(name) + 1)


def plain(of: Lab, **environ: str) -> Terminal:
    """The console as TERM=dumb gets it."""
    return Terminal((COMMAND,), {**of.environ, "TERM": "dumb", **environ}, rows=24, columns=80)


def test_register_test_and_save() -> None:
    """From a fresh appliance to CONNECTED by numbers alone; the password is typed without an echo."""
    with lab(PASSWORD) as it:
        log_server, status_server = it.ready["log_server"], it.ready["status_server"]
        with plain(it) as terminal:
            expect = Expect(terminal)
            expect("has started one that ends with it")
            expect("? help): ", number_of("Server Identity"))
            expect("q back): ", "1")
            expect("empties it): ", it.ready["ca_file"])
            expect("q back): ", "q")
            expect("back to the menu): ", "")
            expect("? help): ", "2")
            for field, value in (
                ("5", "appliance"),
                ("3", log_server["host"]),
                ("9", str(log_server["https_port"])),
                ("4", status_server["host"]),
                ("12", str(status_server["port"])),
            ):
                expect("q back): ", field)
                expect("empties it): ", value)
                expect("changed")
            expect("q back): ", "8")
            expect("2  SSL")
            expect("Choose", "2")
            expect("q back): ", "6")
            expect("not shown", PASSWORD)
            expect("typed anew")
            expect("q back): ", "1")
            expect("Choose", "1")
            expect("q back): ", "11")
            expect("empties it): ", "abc")
            expect("WRONG")
            expect("! ")
            expect("q back): ", "11")
            expect("empties it): ", "5")
            expect("q back): ", "t")
            expect("Testing these values")
            expect("ok    status server")
            expect("Test passed in")
            expect("q back): ", "s")
            expect("Saved as revision 1")
            expect("q back): ", "q")
            expect.look_until("Last beat", "1")
            expect.look_until("Registered as", number_of("Activity"))
            expect("? help): ", number_of("Diagnostics"))
            expect("Appliance:")
            expect("Choose", "1")
            expect("Enter: none): ", "tls-expired")
            expect("It means: ")
            expect("back to the menu): ", "")
            assert terminal.raw.count(b"  q  Leave") == 1, "the menu comes at the start, and by m"
            expect("? help): ", "m")
            expect("  q  Leave")
            expect("? help): ", "q")
            expect("End the agent too?")
            expect("(Enter: Stay): ", "")
            expect("? help): ", "q")
            expect("(Enter: Stay): ", "2")
            expect("this console's agent ended with it")
            assert terminal.wait_for_end() == 0
            assert PASSWORD.encode() not in terminal.raw
            assert b"\x1b" not in terminal.raw


def test_questions_take_the_safe_answer_and_a_hang_up_ends_it() -> None:
    """Leaving with changes asks; only Enter stays. When the line goes, so does the console."""
    with lab(PASSWORD) as it, plain(it) as terminal:
        expect = Expect(terminal)
        expect("? help): ", "3")
        expect("q back): ", "1")
        expect("Choose", "1")
        expect("q back): ", "s")
        expect("! Proxy: ")
        expect("q back): ", "q")
        expect("? help): ", "q")
        expect("Leave with unsaved changes?")
        expect("(Enter: Stay): ", "")
        expect("? help): ")
        terminal.close()
        assert terminal.process.returncode is not None


def test_no_toolkit_is_loaded() -> None:
    """Plain lines need no Textual: they start at once, and nothing draws."""
    program = "import sys, screens.plain.console; print([n for n in sys.modules if n.split('.')[0] in"
    shown = subprocess.run(
        (sys.executable, "-c", f"{program} {{'textual', 'rich'}}])"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "[]"
