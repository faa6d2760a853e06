"""`tm-tui diagnostics`: the bundle for support, as a file or on the line; or a few lines to read out."""

import base64
import hashlib
import re
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import click

from tm_tui.api.case_words import going
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import ProbeRequest
from tm_tui.cli.asking import ask
from tm_tui.cli.output import emit, json_option, show
from tm_tui.cli.writing import write_whole
from tm_tui.errors import TmError
from tm_tui.spoken import count, size, span

__all__ = ["diagnostics"]

_MOST_BYTES = 64 << 20
_MOST_PRINTED = 512 << 10
_BAUD = 9600
_BEGIN, _END = "-----BEGIN TM-TUI BUNDLE-----", "-----END TM-TUI BUNDLE-----"


@click.command()
@click.option("--output", type=click.Path(path_type=Path), help="The file to write; -: standard output.")
@click.option("--text", is_flag=True, help="Print a few lines to read out or copy; write nothing.")
@click.option(
    "--print", "printed", is_flag=True, help="Print the bundle between two marks, for who logs the line."
)
@click.option(
    "--case",
    "as_case",
    is_flag=True,
    help="Submit the bundle to TMSP as a case. Host and user names are in it, and no password.",
)
@click.option("--test", is_flag=True, help="Test the connection first: its steps are then in the bundle.")
@json_option
def diagnostics(
    *, output: Path | None, text: bool, printed: bool, as_case: bool, test: bool, as_json: bool
) -> None:
    """Make the bundle for support: status, settings, history, activity, last test, versions; no secret.

    It is a tar.gz of plain text that only its owner may read. --print needs no file and no shell: it writes
    base64 (RFC 4648) to the terminal, with the command that makes the file of a log of that terminal.
    """
    if text and (output or printed):
        raise click.UsageError("--text writes no file.")
    if printed and (output or as_json):
        raise click.UsageError("--print stands alone.")
    if as_case and (text or output or printed):
        raise click.UsageError("--case writes and prints no bundle.")
    if test:
        ask(_run_test)
    if text:
        told = ask(lambda client: client.diagnostics_text())
        emit(told.plain()) if as_json else show(told.lines)
        return
    if as_case:
        case = ask(lambda client: client.submit_diagnostics())
        emit(case.plain()) if as_json else show([going(case)])
        return
    data = ask(_bundle)
    if printed:
        show(_lines(data))
        return
    if output == Path("-"):
        sys.stdout.buffer.write(data)
        return
    path = output or Path(f"{_name(data)}.tar.gz")
    write_whole(path, data, 0o600)
    digest = hashlib.sha256(data).hexdigest()
    if as_json:
        emit({"file": str(path), "bytes": len(data), "sha256": digest})
    else:
        show([f"Wrote {path}, {size(len(data))}. It holds no passwords; look through it before you send it."])


def _lines(data: bytes) -> Iterator[str]:
    """The bundle as lines: how long they take, how they become a file again, the marks, the check sum.

    Raises TmError for more than 512 KiB.
    """
    if len(data) > _MOST_PRINTED:
        cause = f"The bundle has {size(len(data))}: more than a line should be kept busy with."
        raise TmError(
            cause, "Read out the lines of `tm-tui diagnostics --text`, or write the bundle to a file."
        )
    name, text = f"{_name(data)}.tar.gz", base64.encodebytes(data).decode().splitlines()
    seconds = sum(len(line) + 2 for line in text) * 10 / _BAUD
    yield f"The bundle has {size(len(data))}, {count(len(text), 'line')}: {span(seconds)} at {_BAUD} baud."
    yield "It holds no passwords. Let your terminal program log the line, and make the file of its log by"
    yield f"  sed -n '/^{_BEGIN}/,/^{_END}/p' FILE | grep -v -e '^-----' | tr -d '\\r' |"
    yield f"  base64 -d >{name}; sha256sum {name}"
    yield _BEGIN
    yield from text
    yield _END
    yield f"SHA-256 {hashlib.sha256(data).hexdigest()}"


async def _run_test(client: ControlClient) -> None:
    async with aclosing(client.probe(ProbeRequest())) as steps:
        async for _ in steps:
            pass


async def _bundle(client: ControlClient) -> bytes:
    data = bytearray()
    async with aclosing(client.diagnostics()) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > _MOST_BYTES:
                raise TmError("The agent's bundle does not end.", "Restart the agent, then try again.")
    return bytes(data)


def _name(data: bytes) -> str:
    """The folder that the bundle unpacks to."""
    import io
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        first = archive.next()
    found = re.match(r"(tm-tui-[A-Za-z0-9-]{1,80}-\d{8}T\d{6}Z)/", first.name if first else "")
    return found[1] if found else "tm-tui-diagnostics"
