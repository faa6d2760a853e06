"""What a crashed console leaves in memory, and what is refused there."""

import os
from types import MappingProxyType

import pytest
from pydantic import SecretStr

from face.scripted import document
from screens.desk.draft import Draft
from screens.desk.left import Left
from screens.desk.start import Start


def memory(text: bytes) -> int:
    """A descriptor that this can be read from."""
    descriptor = os.memfd_create("test", 0)
    os.write(descriptor, text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def test_everything_but_the_password_comes_through() -> None:
    """Page, values and report are the same on the other side; the password is only said to be gone."""
    draft = Draft(document(), typed=MappingProxyType({"tmsp.enabled": False, "tmsp.email": "ü@example.com"}))
    draft = draft.with_secret("tmsp", SecretStr("canary-geheim"))
    left = Left.of(draft, Start(), "TMSP", working=True, report="/tmp/crash-x.txt")
    descriptor = left.write()
    assert os.get_inheritable(descriptor)
    text = os.read(descriptor, 1 << 16)
    os.close(descriptor)
    assert b"canary" not in text
    descriptor = memory(text)
    read = Left.read(descriptor)
    assert read == left
    assert read.forgotten
    assert "Type the password again" in read.words()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"at": 1.0, "entry": "TMSP", "working": true, "typed": {"a": 1}, "forgotten": false, "report": ""}',
        b'{"at": "1", "entry": "TMSP", "working": true, "typed": {}, "forgotten": false, "report": ""}',
    ],
)
def test_anything_else_is_refused(text: bytes) -> None:
    """A descriptor that a user names by hand does no harm."""
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's, Unicode's or ours: all the same to the command line
        Left.read(memory(text))


def test_a_standard_stream_is_not_read() -> None:
    """Whoever names standard input by hand keeps it."""
    with pytest.raises(ValueError, match="standard stream"):
        Left.read(0)


def test_a_crash_before_the_settings_came_keeps_what_was_handed_over() -> None:
    """Two crashes in a row, the second before the agent answered: what was typed is still there."""
    start = Start.again(Left(0.0, "TMSP", True, {"tmsp.email": "a@example.com"}, False, ""))
    again = Left.of(None, start, "TMSP", working=False, report="")
    assert again.typed == {"tmsp.email": "a@example.com"}
    assert "could not be written" in again.words()
