"""Templates into answers: everything is escaped, and headers keep scripts, frames and other sites out."""

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from tm_tui.portal.pages.page import Shown
from tm_tui.portal.pages.zones import shown_in
from tm_tui.spoken import apart, span

__all__ = ["HEADERS", "ago", "drawn", "style"]

_HERE = Path(__file__).parent
_LONGEST_KEPT = 24

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Of each answer."""


def ago(seconds: float | None) -> str:
    """An age in its largest unit."""
    if seconds is None:
        return "never"
    for unit, one in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= one:
            return f"{seconds // one:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


@pass_context
def _moment(context: Context, value: datetime | None) -> str:
    """In the reader's zone; a page without one (the log-on) has the portal's."""
    if not value:
        return "never"
    date, _, time = shown_in(str(context.get("zone", "")), value).partition(" ")
    return Markup('<time><span class="keep">{}</span> <span class="keep">{}</span></time>').format(date, time)


def _keep(name: str) -> str:
    """The class of a name that is not to be broken: a long one has to be."""
    return "keep" if len(name) <= _LONGEST_KEPT else "free"


def _size(number: int) -> str:
    for unit, one in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= one:
            return f"{number / one:.1f} {unit}"
    return f"{number} B"


_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
)
_TEMPLATES.filters |= {
    "ago": ago,
    "keep": _keep,
    "moment": _moment,
    "size": _size,
    "skew": apart,
    "span": span,
}


def drawn(shown: Shown, **more: object) -> Response:
    """Fill the template in."""
    text = _TEMPLATES.get_template(shown.template).render({**shown.values, **more})
    return HTMLResponse(text, shown.status)


def style() -> Response:
    """The one style sheet."""
    return Response((_HERE / "style.css").read_bytes(), media_type="text/css")
