"""A case's file as an answer over HTTP: of the disk, or part by part from where the blobs are."""

import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import Connection
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from tm_tui.errors import TmError
from tm_tui.portal import audit, cases
from tm_tui.portal.blobs.files import FileBlobs
from tm_tui.portal.callers import source_of
from tm_tui.portal.case_parts import case_bytes
from tm_tui.portal.cases import Case
from tm_tui.portal.core import Portal

__all__ = ["handed_over"]

_TYPE = "application/octet-stream"


async def handed_over(portal: Portal, request: Request, case: Case, by: str) -> Response:
    """The file for an operator. Whoever takes it (a HEAD does not) is told to its sender, and to the audit.

    Raises TmError when it is gone, OSError, Refused.
    """
    response, source = await asyncio.to_thread(_case_file, portal, case), source_of(request)
    if request.method == "HEAD":
        return response
    now = portal.clock.now()

    def downloaded(connection: Connection) -> None:
        cases.set_status(connection, case.case_id, now, "sample-downloaded")
        audit.note(connection, (by, source), "case-downloaded", case.case_id, now)

    await portal.database.call(downloaded)
    portal.log.say("case-downloaded", case=case.case_id, account=by)
    return response


def _case_file(portal: Portal, case: Case) -> Response:
    if not case.file:
        cause = f"The file of {case.case_id} was removed when its time was over."
        raise TmError(cause, "Its sender can submit the files again.")
    blobs = portal.blobs
    if isinstance(blobs, FileBlobs) and (path := blobs.path(f"cases/{case.file}")).is_file():
        return FileResponse(path, filename=case.file, media_type=_TYPE)
    pieces = case_bytes(blobs, case)
    try:
        first = next(pieces, b"")
    except FileNotFoundError:
        raise TmError(f"The file {case.file} is gone.", "Restore it from a backup.") from None

    async def all_of_it() -> AsyncIterator[bytes]:
        yield first
        async for piece in iterate_in_threadpool(pieces):
            yield piece

    named = {"content-disposition": f'attachment; filename="{case.file}"', "content-length": str(case.bytes)}
    return StreamingResponse(all_of_it(), headers=named, media_type=_TYPE)
