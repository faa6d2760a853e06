"""A case's file as an answer over HTTP: of the disk, or part by part from where the blobs are."""

from collections.abc import AsyncIterator

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import FileResponse, Response, StreamingResponse

from tm_tui.errors import TmError
from tm_tui.portal.blobs.files import FileBlobs
from tm_tui.portal.case_parts import case_bytes
from tm_tui.portal.cases import Case
from tm_tui.portal.core import Portal

__all__ = ["case_file"]

_TYPE = "application/octet-stream"


def case_file(portal: Portal, case: Case) -> Response:
    """To be called on a thread. Raises TmError when it is gone, OSError."""
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
