"""Cases over HTTP: tus 1.0 for appliances, a list with statuses, the file for the operator.

A case's file is answered of the disk, or part by part from where the blobs are.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator

from sqlalchemy import Connection
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tm_tui.cases.protocol import CASES_PATH, CHUNK_TYPE, TUS_VERSION, read_metadata
from tm_tui.errors import TmError
from tm_tui.portal import appliances, audit, cases
from tm_tui.portal.answers import arriving, refusal
from tm_tui.portal.batch_file import is_appliance
from tm_tui.portal.blobs.files import FileBlobs
from tm_tui.portal.callers import Action, caller_of, only, source_of
from tm_tui.portal.case_parts import Checksum, case_bytes
from tm_tui.portal.case_store import MOST_BYTES, CaseStore, gone, new_name
from tm_tui.portal.cases import Case, NewUpload
from tm_tui.portal.core import Portal
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["handed_over", "routes"]

_TYPE = "application/octet-stream"

_MOST = 250
_DIGESTS = {"sha256": 32, "sha1": 20}
_ABOUT = {
    "tus-version": TUS_VERSION,
    "tus-extension": "creation,termination,checksum",
    "tus-max-size": str(MOST_BYTES),
    "tus-checksum-algorithm": ",".join(_DIGESTS),
}
_TUS = {"tus-resumable": TUS_VERSION, "cache-control": "no-store"}
_NUMBER = re.compile(r"[0-9]{1,18}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"[0-9A-Za-z-]{8,64}")


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


def routes(portal: Portal, store: CaseStore) -> list[Route]:
    """Everything below /v1/cases."""

    async def listed(request: Request) -> Response:
        now, before = portal.clock.now(), request.query_params.get("before", "")
        appliance, account = request.query_params.get("appliance"), caller_of(request).bound_to
        if appliance is not None:
            await portal.database.read(appliances.check_owner, appliance, account)
        found = await portal.database.read(
            cases.listed,
            appliance=appliance,
            account=account,
            before=cases.number_of(before) if before else None,
            most=_MOST,
        )
        shown = [case.model_dump(mode="json") for case in found]
        following = found[-1].case_id if len(found) == _MOST else None
        return JSONResponse({"server_time": now.isoformat(), "cases": shown, "next": following})

    async def download(request: Request) -> Response:
        name, by = request.path_params["case"], caller_of(request).name
        try:
            found = await portal.database.read(cases.case_of, name)
            return await handed_over(portal, request, found, by)
        except Refused:
            raise
        except TmError as error:
            raise Refused(404, "no-such-case", error.cause, "See GET /v1/cases.") from None

    tus = _tus_actions(portal, store)
    at_cases = _by_method({"GET": listed, "HEAD": listed, "POST": tus["POST"], "OPTIONS": _about})
    at_upload = _by_method({**{name: tus[name] for name in ("HEAD", "PATCH", "DELETE")}, "OPTIONS": _about})
    every = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"]
    return [
        Route("/v1/cases", at_cases, methods=every),
        Route("/v1/cases/", at_cases, methods=every),
        Route("/v1/cases/{case}/file", only("analyst", download), methods=["GET"]),
        Route("/v1/cases/{upload}", at_upload, methods=every),
    ]


def _tus_actions(portal: Portal, store: CaseStore) -> dict[str, Action]:
    """What tus 1.0 asks for, by method."""

    async def create(request: Request) -> Response:
        made = await store.create(_announced(request))
        more = {"location": f"{CASES_PATH}{made.upload}", "upload-offset": str(made.arrived)}
        return Response(status_code=201, headers={**_TUS, **more})

    async def head(request: Request) -> Response:
        found = await store.find(_upload(request), caller_of(request).name)
        more = {"upload-offset": str(found.arrived), "upload-length": str(found.bytes)}
        return Response(headers={**_TUS, **more})

    async def patch(request: Request) -> Response:
        if request.headers.get("content-type") != CHUNK_TYPE:
            raise Refused(415, "wrong-type", f"A chunk is {CHUNK_TYPE}.", "Say so in Content-Type.")
        offset = _number(request, "upload-offset")
        upload, account = _upload(request), caller_of(request).name
        arrived = await store.append(upload, account, offset, arriving(request), _checksum(request))
        return Response(status_code=204, headers={**_TUS, "upload-offset": str(arrived)})

    async def delete(request: Request) -> Response:
        upload, account = _upload(request), caller_of(request).name
        await store.remove(upload, account)
        portal.log.say("case-given-up", upload=upload, account=account)
        return Response(status_code=204, headers=_TUS)

    actions = {"POST": create, "HEAD": head, "PATCH": patch, "DELETE": delete}
    return {method: _tus(only("appliance", action)) for method, action in actions.items()}


def _by_method(actions: dict[str, Action]) -> Action:
    """Choose by method; a client behind a narrow proxy sends POST, and names it in a header (tus 1.0)."""

    async def chosen(request: Request) -> Response:
        given = request.headers.get("x-http-method-override") if request.method == "POST" else None
        action = actions.get((given or request.method).upper())
        if action is None:
            remedy = "Check address and version against docs/protocol.md."
            raise Refused(405, "wrong-method", "This cannot be done here.", remedy)
        return await action(request)

    return chosen


def _tus(action: Action) -> Action:
    """Speak tus 1.0.0 and nothing else; refusals carry its version too."""

    async def speaking(request: Request) -> Response:
        if request.headers.get("tus-resumable") != TUS_VERSION:
            refused = Refused(412, "wrong-version", "This server speaks tus 1.0.0.", "Send Tus-Resumable.")
            return refusal(refused, {**_TUS, **_ABOUT})
        try:
            return await action(request)
        except Refused as refused:
            return refusal(refused, _TUS)

    return speaking


async def _about(_request: Request) -> Response:
    return Response(status_code=204, headers={**_TUS, **_ABOUT})


def _upload(request: Request) -> str:
    name: str = request.path_params["upload"]
    if not _UPLOAD.fullmatch(name):
        raise gone()
    return name


def _number(request: Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not _NUMBER.fullmatch(value):
        raise Refused(400, "wrong-header", f"The header {header} holds no number.", "Send one.")
    return int(value)


def _checksum(request: Request) -> Checksum | None:
    given = request.headers.get("upload-checksum")
    if given is None:
        return None
    algorithm, _, value = given.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _DIGESTS.get(algorithm):
        cause = "The header upload-checksum is not understood."
        raise Refused(400, "wrong-checksum", cause, "Send sha256 or sha1 and base64 of the digest.")
    return Checksum(algorithm, digest)


def _announced(request: Request) -> NewUpload:
    try:
        about = read_metadata(request.headers.get("upload-metadata", ""))
    except ValueError:
        cause = "The header upload-metadata is not understood."
        raise Refused(400, "wrong-metadata", cause, "Send pairs of a key and base64.") from None
    appliance, sha256 = about.get("appliance", ""), about.get("sha256", "")
    if not is_appliance(appliance) or (sha256 and not _SHA256.fullmatch(sha256)):
        cause = "The metadata name no appliance, or no right SHA-256."
        raise Refused(400, "wrong-metadata", cause, "Send `appliance`, and `sha256` as 64 hex digits.")
    key, name = about.get("key", ""), about.get("filename", "").lower()
    form = next((form for form in ("tar.zst", "zip") if name.endswith(f".{form}")), "bin")
    upload = new_name()
    return NewUpload(
        upload=upload,
        key=key if _KEY.fullmatch(key) else upload,
        appliance=appliance,
        account=caller_of(request).name,
        form=form,
        bytes=_number(request, "upload-length"),
        sha256=sha256,
        endpoint=safe_text(about.get("endpoint", ""), 256),
        threat=safe_text(about.get("threat", ""), 256),
        description=safe_text(about.get("description", ""), 2000),
    )
