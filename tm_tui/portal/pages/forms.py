"""Forms as browsers send them, read within bounds, and whether they come from a page of ours."""

import hmac
from urllib.parse import parse_qsl

from starlette.requests import Request

from tm_tui.portal.answers import arriving
from tm_tui.portal.pages.page import Form
from tm_tui.portal.refusals import Refused

__all__ = ["check_origin", "form_of", "same"]

_MOST_BYTES = 16 << 10


async def form_of(request: Request) -> Form:
    """Read the fields. Raises Refused: 415 for another type, 413 when it is too long, 400 else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused(415, "no-form", "This is no form.", "Use the page's own form.")
    body = bytearray()
    async for chunk in arriving(request):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Refused(413, "too-large", "The form is too long.", "Send less.", close=True)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise Refused(400, "bad-form", "The form cannot be read.", "Use the page's own form.") from None
    return dict(pairs)


def check_origin(request: Request) -> None:
    """Refuse what another site had a browser send. Raises Refused (403)."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in {"same-origin", "none"} or origin not in {None, f"https://{request.headers.get('host')}"}:
        raise wrong_token()


def wrong_token() -> Refused:
    """A form that is none of ours, or an old one."""
    cause = "This form does not come from a page of this session."
    return Refused(403, "foreign-form", cause, "Go back, load the page anew, and try again.")


def same(given: str | None, wanted: str | None) -> bool:
    """Compare tokens in constant time; nothing equals nothing."""
    return bool(given and wanted) and hmac.compare_digest((given or "").encode(), (wanted or "").encode())
