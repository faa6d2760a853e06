"""A form with a file, as browsers send it (multipart/form-data, RFC 7578), read within bounds."""

import re

from starlette.requests import Request

from tm_tui.portal.answers import arriving
from tm_tui.portal.pages.page import Form
from tm_tui.portal.refusals import Refused

__all__ = ["MOST_BYTES", "upload_of"]

MOST_BYTES = 16 << 20
"""Of the file; a larger one goes by command."""
_MOST_AROUND = 16 << 10
_MOST_PARTS = 20
_WORDS = re.IGNORECASE | re.MULTILINE
_BOUNDARY = re.compile(r'multipart/form-data *; *boundary="?([0-9A-Za-z\'()+_,./:=?-]{1,70})"?', _WORDS)
_NAME = re.compile(rb'^content-disposition: *form-data;[^\r\n]*[; ]name="([a-z]{1,40})"', _WORDS)
_FILE = re.compile(rb'^content-disposition:[^\r\n]*; *filename="', _WORDS)


async def upload_of(request: Request) -> tuple[Form, bytes]:
    """The fields, and the bytes of the one file; its name does not matter. Raises Refused: 415, 413, 400."""
    found = _BOUNDARY.fullmatch(request.headers.get("content-type", "").strip())
    if found is None:
        raise Refused(415, "no-form", "This is no form with a file.", "Use the page's own form.")
    body = bytearray(b"\r\n")
    async for chunk in arriving(request):
        body += chunk
        if len(body) > MOST_BYTES + _MOST_AROUND:
            cause = f"The file has more than {MOST_BYTES >> 20} MiB."
            raise Refused(413, "too-large", cause, "Issue it with `tm-tui portal pattern issue`.", close=True)
    return _parted(bytes(body), b"\r\n--" + found[1].encode())


def _parted(body: bytes, mark: bytes) -> tuple[Form, bytes]:
    first, *parts = body.split(mark, _MOST_PARTS)
    if first or not parts or not parts[-1].startswith(b"--"):
        raise _bad()
    form, file = {}, b""
    for part in parts[:-1]:
        head, gap, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not gap or name is None:
            raise _bad()
        if _FILE.search(head):
            file = content
            continue
        try:
            form[name[1].decode()] = content.decode()
        except UnicodeDecodeError:
            raise _bad() from None
    return form, file


def _bad() -> Refused:
    return Refused(400, "bad-form", "The form cannot be read.", "Use the page's own form.")
