"""Reports: the list, one to read, and its Markdown to take away."""

import asyncio

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown, asked_of
from tm_tui.portal.refusals import Refused
from tm_tui.portal.reports import shelf
from tm_tui.reports.protocol import REPORT_TYPE
from tm_tui.text import safe_text

__all__ = ["PAGES"]

_MOST = 50


async def _listed(portal: Portal, request: Request) -> Shown:
    appliance, given = asked_of(request), request.query_params.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
    found = await portal.database.read(shelf.page, appliance or None, before, _MOST)
    following = found[-1].number if len(found) == _MOST else None
    return Shown("reports.html", {"reports": found, "appliance": appliance, "following": following})


async def _text(portal: Portal, request: Request) -> str:
    text = await portal.database.read(shelf.text_of, request.path_params["id"])
    if text is None:
        raise _absent()
    return text


async def _read(portal: Portal, request: Request) -> Shown:
    html = await asyncio.to_thread(_rendered, await _text(portal, request))
    found = await portal.database.read(shelf.one, request.path_params["id"])
    if found is None:  # its time was over meanwhile
        raise _absent()
    title = safe_text(f"{found.kind.capitalize()} report of {found.appliance}: {found.title}", 300)
    values = {"html": html, "id": found.id, "title": title, "appliance": found.appliance}
    return Shown("report.html", values)


def _absent() -> Refused:
    return Refused(404, "no-such-report", "There is no report of this id.", "See the list of reports.")


def _rendered(text: str) -> Markup:
    """HTML of a report. Neither tags, links nor pictures come out of its text."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.disable(["link", "image", "autolink", "html_inline", "html_block", "entity"])
    tokens = reader.parse(text)
    for token in tokens:
        if token.attrs.pop("style", None) == "text-align:right":  # no style but the sheet's is permitted
            token.attrs["class"] = "number"
    html = reader.renderer.render(tokens, reader.options, {})
    return Markup(html)  # noqa: S704 # made of escaped text by the line above


async def _taken(portal: Portal, request: Request) -> Response:
    name = f'attachment; filename="{request.path_params["id"]}.md"'
    text = await _text(portal, request)  # an id of ours: nothing in it needs escaping
    return Response(text, media_type=REPORT_TYPE, headers={"content-disposition": name})


PAGES = (
    Page("reports", _listed, "Reports", sees="read-only"),
    Page("reports/{id}", _read, sees="read-only"),
    Page("reports/{id}/markdown", _taken, sees="read-only"),
)
