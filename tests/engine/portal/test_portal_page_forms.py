"""Patterns and retention on pages: issued and withdrawn by a form, refused in words, told as it is."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from portals import ANY_APPLIANCE, OpenPortal, opened_portal, with_settings
from test_portal_pages import operator, token_in, visitor

from tm_tui.portal.home import PortalHome
from tm_tui.portal.pages.uploads import MOST_BYTES
from tm_tui.portal.pattern_repository import PatternRepository

ABOUT = {"kind": "bandage", "version": "1.0", "description": "Fix <b>7</b>", "appliance": ""}
CONTENT = bytes(range(256)) + b"\r\n--\r\n\r\n--x--\r\n"


@pytest.fixture
async def portal(home: Path) -> AsyncIterator[OpenPortal]:
    """One whose retention says something."""
    async with opened_portal(with_settings(home, "[retention]\nbatches = 400\n")) as opened:
        await opened.register()
        yield opened


async def issued(client: httpx.AsyncClient, file: bytes = CONTENT, **more: Any) -> httpx.Response:
    token = token_in(await client.get("/portal/patterns"))
    form = {"token": token, **ABOUT, **more}
    return await client.post("/portal/patterns/issue", data=form, files={"file": ("a; name=token.bin", file)})


def offered(portal: OpenPortal) -> list[Any]:
    return PatternRepository(PortalHome(portal.home)).listed()


async def test_a_pattern_is_issued_and_withdrawn_on_pages(portal: OpenPortal) -> None:
    """Its bytes are those that were chosen, its appliance hears of it, both deeds are in the audit."""
    async with operator(portal) as client:
        assert "No pattern is offered" in (await client.get("/portal/patterns")).text
        assert (await issued(client, appliance=ANY_APPLIANCE)).status_code == 303
        (one,) = offered(portal)
        assert (one.pattern.id, one.bytes, one.appliance) == (1, len(CONTENT), ANY_APPLIANCE)
        (placed,) = (portal.home / "patterns" / "targets").glob("*.pattern-*")
        assert placed.read_bytes() == CONTENT
        assert list((portal.home / "incoming").iterdir()) == []
        shown = (await client.get("/portal/patterns")).text
        assert "Pattern 1 is issued, for tm-lab-1." in shown
        assert "Fix &lt;b&gt;7&lt;/b&gt;" in shown
        asked = await client.get("/portal/patterns/1/withdraw")
        assert "appliances drop it when they look next" in asked.text
        form = {"token": token_in(asked)}
        assert (await client.post("/portal/patterns/1/withdraw", data=form)).status_code == 303
        assert (await client.post("/portal/patterns/1/withdraw", data=form)).status_code == 404
        assert (await client.get("/portal/patterns/1/withdraw")).status_code == 404
        assert offered(portal) == []
        told = (await client.get("/portal/audit.csv")).text
        assert re.search(r"pattern-issued,\"?1: bandage, tm-lab-1, Fix", told)
        assert "pattern-withdrawn,1" in told


NO_PATTERNS: list[tuple[dict[str, Any], str]] = [
    ({"file": b""}, "Choose the pattern"),
    ({"kind": "x"}, "Choose a type"),
    ({"version": "v" * 65}, "a version of 1 to 64 characters"),
    ({"description": "a\x1b[31m"}, "a description of 1 to 500 characters"),
    ({"description": ""}, "a description of 1 to 500 characters"),
    ({"appliance": "../x"}, "An appliance&#39;s name has"),
    ({"appliance": "tm-unknown"}, "No appliance of this name is registered."),
    ({"file": b"x" * (MOST_BYTES + 1)}, "too large for this form"),
]


async def test_what_cannot_be_a_pattern_is_said(portal: OpenPortal) -> None:
    """The page comes back with what was typed and what is wrong with it; nothing was issued."""
    async with operator(portal) as client:
        for more, words in NO_PATTERNS:
            reply = await issued(client, **more)
            assert reply.status_code == 422, words
            assert words in reply.text
            assert "Nothing was issued." in reply.text, words
            assert "\x1b" not in reply.text, words
            assert offered(portal) == [], words
            assert list((portal.home / "incoming").iterdir()) == [], words


ODD_UPLOADS = [
    (b"", "multipart/form-data; boundary=x", 400),
    (b"--x\r\n\r\n", "multipart/form-data; boundary=x", 400),
    (b'--x\r\ncontent-disposition: form-data; name="token"\r\n\r\n\xff\r\n--x--', "boundary=x", 415),
    (b'--x\r\ncontent-disposition: form-data; name="token"\r\n\r\n\xff\r\n--x--', None, 400),
    (b"token=x", "application/x-www-form-urlencoded", 415),
    (b'--x\r\ncontent-disposition: form-data; name="token"\r\n\r\nwrong\r\n--x--\r\n', None, 403),
    (b"x" * (MOST_BYTES + (1 << 20)), None, 413),
]


async def test_odd_uploads_are_refused(portal: OpenPortal) -> None:
    """Without its token, its form or its end nothing is signed; a visitor's file is not even read."""
    async with operator(portal) as client, visitor(portal) as stranger:
        for content, kind, status in ODD_UPLOADS:
            case = (content[:100], kind)
            headers = {"content-type": kind or "multipart/form-data; boundary=x"}
            reply = await client.post("/portal/patterns/issue", content=content, headers=headers)
            assert reply.status_code == status, case
            reply = await stranger.post("/portal/patterns/issue", content=content[:1000], headers=headers)
            assert (reply.status_code, reply.headers["location"]) == (303, "/portal/logon"), case
            assert offered(portal) == [], case


async def test_retention_is_told_with_its_origin(portal: OpenPortal) -> None:
    """What is kept how long, who says so, that it cannot be changed here; numbers as they are."""
    async with operator(portal) as client:
        shown = (await client.get("/portal/retention")).text
        assert "it cannot be changed here" in shown
        assert "<code>batches = 400</code>" in shown
        assert shown.count(">default<") == 7
        assert "400 days" in shown
        rows = re.findall(r'data-label="There are" class="number">([\d,]+)', shown)
        assert len(rows) == 8
        assert "The next sweep" in shown
