"""systemd hears that the agent is well only while it is; its lines reach the journal with their fields."""

import logging
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents import LIMIT, agent_process, short_home
from tm_tui.agent.journal import JournalHandler, journal_reads_stderr, set_up_log
from tm_tui.paths import Home

HUNG_THREAD = """
import signal, threading
from tm_tui.spool import writer
hang = threading.Event()
def stop(*_): hang.wait()
signal.signal(signal.SIGUSR1, lambda *_: setattr(writer.Writer, "_done", stop))
"""
HUNG_LOOP = "import signal; signal.signal(signal.SIGUSR1, lambda *_: __import__('threading').Event().wait())"


@contextmanager
def systemd() -> Iterator[tuple[socket.socket, str]]:
    """The end of NOTIFY_SOCKET that systemd holds, and its address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")
        listening.settimeout(LIMIT)
        yield listening, "@" + listening.getsockname()[1:].decode()


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


def pings_until_silence(listening: socket.socket, quiet: float) -> int:
    """How many signs of life still come until `quiet` seconds pass without one."""
    listening.settimeout(quiet)
    count = 0
    try:
        while True:
            count += listening.recv(4096) == b"WATCHDOG=1"
    except TimeoutError:
        return count


@pytest.mark.parametrize("hang", [HUNG_THREAD, HUNG_LOOP], ids=["log-queue", "event-loop"])
def test_what_hangs_says_nothing(home: Home, hang: str) -> None:
    """When the event loop or the log queue's thread hangs, signs of life stop, and systemd acts."""
    limit = {"WATCHDOG_USEC": "100000"}
    with (
        systemd() as (listening, address),
        agent_process(home, hang, NOTIFY_SOCKET=address, **limit) as process,
    ):
        while listening.recv(4096) != b"WATCHDOG=1":
            pass
        assert listening.recv(4096) == b"WATCHDOG=1", "the second sign of life never came"
        process.send_signal(signal.SIGUSR1)
        pings_until_silence(listening, 1.0)
        assert process.poll() is None, "it hangs, it did not end"


def test_the_watchdogs_signal_tells_where_it_hung(home: Home) -> None:
    """The SIGABRT of systemd's watchdog leaves the place of each thread in the journal, and no core file."""
    with agent_process(home, HUNG_LOOP) as process:
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGABRT)
        _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == -signal.SIGABRT
    assert "(most recent call first)" in said
    assert "writer.py" in said


def fields_of(datagram: bytes) -> dict[str, str]:
    """Read the journal's protocol: names, each with a length and a value."""
    fields = {}
    while datagram:
        name, _, rest = datagram.partition(b"\n")
        (size,) = struct.unpack_from("<Q", rest)
        fields[name.decode()] = rest[8 : 8 + size].decode()
        datagram = rest[9 + size :]
    return fields


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger that nobody else hears."""
    logger = logging.getLogger("tests.journal")
    logger.propagate = False
    yield logger
    logger.handlers.clear()


def test_lines_carry_their_code(tmp_path: Path, log: logging.Logger) -> None:
    """`journalctl TM_CODE=...` finds a failure; a line with a traceback stays one entry."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        journal.settimeout(LIMIT)
        handler = JournalHandler(logging.NullHandler(), tmp_path / "journal")
        log.addHandler(handler)
        log.warning("Log server (%s).", "tls-expired", extra={"tm_code": "tls-expired"})
        said = fields_of(journal.recv(4096))
        assert (said["MESSAGE"], said["TM_CODE"]) == ("Log server (tls-expired).", "tls-expired")
        assert (said["PRIORITY"], said["SYSLOG_IDENTIFIER"]) == ("4", "tm-tui")
        log.error("A bug.", exc_info=ValueError("x"))
        said = fields_of(journal.recv(65536))
        assert said["MESSAGE"].splitlines()[-1] == "ValueError: x"
        assert (said["PRIORITY"], "TM_CODE" in said) == ("3", False)
        handler.close()


def test_without_a_journal_no_line_is_lost(tmp_path: Path, log: logging.Logger) -> None:
    """What the journal does not take is written to standard error."""
    kept: list[logging.LogRecord] = []
    fallback = logging.NullHandler()
    fallback.emit = kept.append  # type: ignore[method-assign]
    handler = JournalHandler(fallback, tmp_path / "nobody")
    log.addHandler(handler)
    log.warning("Still here.")
    assert [record.getMessage() for record in kept] == ["Still here."]
    handler.close()


def test_only_a_real_journal_is_spoken_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JOURNAL_STREAM inherited from elsewhere does not divert the log of an agent run by hand."""
    with (tmp_path / "log").open("w") as file:
        monkeypatch.setattr("sys.stderr", file)
        found = (tmp_path / "log").stat()
        assert journal_reads_stderr({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not journal_reads_stderr({"JOURNAL_STREAM": "1:2"})
        assert not journal_reads_stderr({})
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        try:
            set_up_log()
            assert isinstance(root.handlers[0], logging.StreamHandler)
        finally:
            root.handlers[:], root.level = before, level
