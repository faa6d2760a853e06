"""Answers of the HTTPS servers: JSON, and every failure in the same small shape."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from tm_tui.portal.refusals import Refused, storage_refused
from tm_tui.values import crowded

__all__ = ["EXCEPTION_HANDLERS", "arriving", "model_reply", "read_model", "refusal"]

_MOST_JSON_BYTES = 64 << 10
_MOST_ENTRIES = 1000
"""Most keys and entries of lists in a body; nothing of the protocol has so many."""
_PATIENCE_SECONDS = 60.0
_Model = TypeVar("_Model", bound=BaseModel)


def refusal(refused: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """`{"error": {"code": ..., "cause": ..., "remedy": ...}}` with its status."""
    error = {"code": refused.code, "cause": refused.cause, "remedy": refused.remedy}
    body = {"error": error, **refused.more}
    return JSONResponse(body, refused.status, {**refused.headers, **(headers or {})})


def model_reply(model: BaseModel, status: int = 200) -> Response:
    """A pydantic model as JSON."""
    return Response(model.model_dump_json(), status, media_type="application/json")


async def arriving(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises Refused (408: nothing for a minute), ClientDisconnect."""
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            cause = "Nothing arrived for a minute."
            raise Refused(408, "too-slow", cause, "Send it again.", close=True) from None
        yield chunk


async def read_model(request: Request, model: type[_Model]) -> _Model:
    """Read a JSON body. Raises Refused: 415 not announced, 413 too much, 400 no JSON, 422 wrong shape."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "no-json", "The body is not application/json.", "Send JSON, and say so.")
    body = bytearray()
    async for chunk in arriving(request):
        body += chunk
        if len(body) > _MOST_JSON_BYTES:
            cause = f"The body has more than {_MOST_JSON_BYTES} bytes."
            raise Refused(413, "too-large", cause, "Send less.")
    try:
        value = from_json(bytes(body), allow_inf_nan=False)
    except ValueError:
        raise Refused(400, "bad-json", "The body is no JSON.", "Send JSON in UTF-8.") from None
    if crowded(bytes(body), _MOST_ENTRIES):
        cause = f"The body has more than {_MOST_ENTRIES} keys and entries."
        raise Refused(413, "too-large", cause, "Send less.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in item["loc"]) or "body" for item in error.errors()})
        cause = f"These fields are missing or wrong: {', '.join(fields)}."
        raise Refused(422, "wrong-fields", cause, "Look them up in docs/protocol.md.") from None


def _refused(_request: Request, error: Exception) -> Response:
    return refusal(error) if isinstance(error, Refused) else Response(status_code=500)


def _routing(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    code, cause = {
        404: ("no-such-path", "There is nothing of this name here."),
        405: ("wrong-method", "This cannot be done here."),
    }.get(status, ("refused", "The request was refused."))
    remedy = "Check address and version against docs/protocol.md."
    return refusal(Refused(status, code, cause, remedy), headers)


def _bug(_request: Request, _error: Exception) -> Response:
    remedy = "Look into the portal's log."
    return refusal(Refused(500, "internal", "The portal made a mistake.", remedy, close=True))


def _storage(_request: Request, error: Exception) -> Response:
    return refusal(storage_refused(error)) if isinstance(error, OSError) else _bug(_request, error)


def _cut(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


EXCEPTION_HANDLERS = {
    Refused: _refused,
    HTTPException: _routing,
    ClientDisconnect: _cut,
    OSError: _storage,
    Exception: _bug,
}
"""For `starlette.applications.Starlette`."""
