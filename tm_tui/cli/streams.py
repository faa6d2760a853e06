"""The standard streams as a caller left them: closed, full, hung up. None of that is a traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tm_tui.errors import TmError

__all__ = ["abandon_output", "occupied", "output_failure", "reading_input", "say"]


def occupied() -> None:
    """Put something on those of the descriptors 0 to 2 that are closed.

    Otherwise the next file or socket would take the number, and be written to as standard output. Reading
    then finds the end; writing to standard output fails, as it would on the closed one; what is said on
    standard error is lost.
    """
    for descriptor, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:  # closed, so it is the lowest that is free
            os.set_inheritable(os.open(os.devnull, flags), True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  lives as long as we do
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def output_failure() -> OSError | None:
    """Why standard output takes nothing; None if it does take a line end, which is tried."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError as error:
        return error
    return None


def abandon_output() -> None:
    """Give up what standard output did not take: Python would try it again at the end, with a traceback."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
            stream.flush()
    os.close(nowhere)


def say(text: str) -> None:
    """Print a line on standard error, if that takes it: there is no other place to complain."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


@contextmanager
def reading_input() -> Iterator[None]:
    """Read standard input inside. Raises TmError when it cannot be read (a folder, a terminal hung up)."""
    try:
        yield
    except OSError as error:
        cause = f"Standard input cannot be read: {error.strerror}."
        raise TmError(cause, "Give a file or a pipe that can be read.") from None
