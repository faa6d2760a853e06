"""Commands whose standard streams are closed, full or hung up, and words that no terminal should see."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import forked
from forked import COMMAND, Forked
from tm_tui.text import path_of, path_text

TM_TUI = Path(sys.executable).with_name("tm-tui")
ANSWERS = (
    "--help",
    "status",
    "status --watch",
    "status --format openmetrics",
    "test --json",
    "config schema",
    "config history",
    "logs list",
    "logs list --format csv",
    "report list --json",
    "diagnostics --output -",
    "activity",
    "completion bash",
    "frobnicate --json",
)
"""One of each way in which commands answer."""


OPENED = {"": 0, " >/dev/full": 1, " 2>/dev/full": 2, " 0>/dev/null": 0}
"""Redirections that an interpreter does not meet when it starts, and the descriptor that each is of."""


def ran(words: str | bytes, redirections: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run it as a script of an admin does: under a shell, or forked with what a shell would have opened."""
    if redirections in OPENED:
        return _forked(os.fsdecode(words), OPENED[redirections], redirections.rpartition(">")[2])
    line = os.fsencode(f"{shlex.quote(str(TM_TUI))} ") + (words.encode() if isinstance(words, str) else words)
    shell = [b"bash", b"-c", line + os.fsencode(redirections)]
    return subprocess.run(shell, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def _forked(words: str, number: int, path: str) -> subprocess.CompletedProcess[bytes]:
    with Path(path or os.devnull).open("wb" if path else "rb") as opened:
        ends: list[Any] = [subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE]
        ends[number] = opened
        argv = (COMMAND, *shlex.split(words))
        with Forked(argv, stdin=ends[0], stdout=ends[1], stderr=ends[2]) as process:
            said = process.communicate(timeout=60)
    return subprocess.CompletedProcess(argv, process.returncode, *said)


@pytest.mark.parametrize("words", ANSWERS)
@pytest.mark.parametrize("redirections", [" >/dev/full", " >&-"])
def test_an_answer_that_cannot_be_written_is_one_line(
    words: str, redirections: str, shared_agent: None
) -> None:
    """A full disk or a closed output is said in one line, and no script takes it for a success."""
    done = ran(words, redirections)
    said = done.stderr.decode().splitlines()
    assert done.returncode == 1, said
    assert len([line for line in said if line.startswith("Standard output does not take the answer")]) == 1
    assert len(said) == 1


@pytest.mark.parametrize("words", ["config schema", "report list", "logs list --format ndjson", "--help"])
def test_who_closes_a_pipe_has_seen_enough(words: str, shared_agent: None) -> None:
    """`tm-tui ... | head -0` ends without a word."""
    assert ran(words, " | true").stderr == b""


@pytest.mark.parametrize(
    ("words", "code"), [("status", 0), ("frobnicate", 2), ("case cancel 99", 1), ("status --check", 1)]
)
@pytest.mark.parametrize("redirections", [" 2>&-", " 2>/dev/full", " <&- 2>&-"])
def test_without_standard_error_the_exit_code_still_tells(
    words: str, code: int, redirections: str, shared_agent: None
) -> None:
    """Nothing of the failure depends on somebody reading the words."""
    assert ran(words, redirections).returncode == code


@pytest.mark.parametrize(("words", "code"), [("status", 1), ("status --check", 3), ("frobnicate", 2)])
def test_without_any_stream_a_command_ends_as_it_must(words: str, code: int, shared_agent: None) -> None:
    """A monitor's check whose answer is lost is unknown, not well."""
    assert ran(words, " <&- >&- 2>&-").returncode == code


@pytest.mark.parametrize(
    ("words", "code"), [("logs add", 0), ("config secret tmsp", 1), ("config apply -", 0), ("", 2)]
)
def test_a_closed_input_reads_as_an_empty_one(words: str, code: int, shared_agent: None) -> None:
    """Nothing is read, nothing else takes its place, and that is no traceback."""
    done = ran(words, " <&-")
    assert (done.returncode, b"Traceback" in done.stderr) == (code, False)


@pytest.mark.parametrize("words", ["logs add", "config secret tmsp", "config apply -", "test --file -"])
def test_an_input_that_cannot_be_read_is_told(words: str, shared_agent: None) -> None:
    """A descriptor that is for writing only: the cause in one line."""
    done = ran(words, " 0>/dev/null")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("Standard input cannot be read: ")


HOSTILE = st.text(st.sampled_from("\x1b[31m]0;\x07\x9b\u202e\u200bab%é"), min_size=1, max_size=12)


@settings(max_examples=12)
@given(HOSTILE)
def test_what_was_typed_wrongly_reaches_the_terminal_only_as_text(typed: str) -> None:
    """A usage error, and a cause that repeats a word, name it without its control characters."""
    for words in (("status", typed), ("x" + typed,), ("config", "get", typed)):
        done = forked.run((COMMAND, *words), timeout=60)
        assert done.returncode == 2
        shown = done.stderr.decode().replace("\n", "").replace("\t", "")
        assert shown.isprintable() or "\ufffd" in shown
        assert not set(shown) & set("\x1b\x07\x9b\u202e\u200b")


@pytest.mark.parametrize(
    "words",
    [
        b"case submit --endpoint pc\xff /etc/hostname",
        b"config set tmsp.username \xff",
        b"config set trust.ca_file /tmp/\xff",
        b"config set tmsp.email a@example.com --note \xff",
        b"trust approve [h\xff]:22 SHA256:x",
        b"pattern deploy 1 \xff",
        b"report show \xff",
        b"config get \xff",
        b"portal --home /nonexistent --name \xff",
    ],
)
def test_words_that_are_no_utf8_are_refused_in_words(words: bytes, home: Path) -> None:
    """A byte that is no UTF-8 is wrong use, told with the option's name, before anybody is asked."""
    done = ran(words)
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr


@given(st.binary(min_size=1, max_size=40).filter(lambda raw: b"\0" not in raw))
def test_any_path_goes_through_text(raw: bytes) -> None:
    """Forensic files have names in any encoding: the path arrives byte by byte."""
    path = os.path.abspath(b"/" + raw)  # noqa: PTH100  as `case submit` does
    text = path_text(os.fsdecode(path))
    text.encode()
    assert os.fsencode(path_of(text)) == path
