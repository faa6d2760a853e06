"""Reports from a hostile or broken server: the old state is kept, the reason shown, memory bounded."""

import gzip
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from endless import Ticker

from reporting.server import dripping, endless, entry, plain, report_server, silent, truncated
from reporting.work import working
from servers.certificates import Certificates
from servers.limits import hasty
from tm_tui.link.build import Links, build_links
from tm_tui.link.host_keys import HostKeys
from tm_tui.reports.protocol import MOST_REPORT_BYTES
from tm_tui.settings.revision import Revision

GOOD = b"# A good report\n"
BAD = b"# A bad report\n"
BOMB = gzip.compress(b"x" * (64 << 20))

ROWS: dict[str, tuple[Any, str]] = {
    "oversized": (plain(body=b"x" * (MOST_REPORT_BYTES + 1)), "reply-too-large"),
    "endless": (endless, "reply-too-large"),
    "truncated": (truncated, "reply-closed"),
    "silent": (silent, "reply-timeout"),
    "slow": (dripping, "reply-timeout"),
    "wrong type": (plain(body=BAD, kind="text/html"), "reply-not-understood"),
    "no type": (plain(body=BAD, kind=""), "reply-not-understood"),
    "other content": (plain(body=b"# A bid report\n"), "reply-not-understood"),
    "encoded": (plain("200 OK", BOMB, "text/markdown", "content-encoding: gzip"), "reply-encoded"),
    "redirect": (plain("302 Found", b"", "text/plain", "location: https://127.0.0.1/x"), "captive-portal"),
    "refused": (plain("403 No"), "http-forbidden"),
    "locked": (plain("423 Locked"), "http-refused"),
    "error": (plain("500 Oops"), "http-server-error"),
    "not http": (b"\x00\x01\x02 hello\r\n\r\n", "reply-not-understood"),
}


def _hasty(revision: Revision, host_keys: HostKeys) -> Links:
    links = build_links(revision, host_keys)
    return replace(links, status_server=replace(links.status_server, limits=hasty("transfer", seconds=2.0)))


@pytest.mark.parametrize("fault", ROWS)
async def test_a_report_that_cannot_be_taken(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """What was kept before stays, nothing of the bad one is kept, and the status says which fault it was."""
    answer, code = ROWS[fault]
    async with report_server(certificates) as server:
        server.add("good", GOOD)
        if fault in {"silent", "slow"}:  # nobody waits half a minute for a test, but for the good one
            async with working(certificates, server, tmp_path / "r") as before:
                await before.done(1)
            monkeypatch.setattr("tm_tui.reports.service.build_links", _hasty)
        async with working(certificates, server, tmp_path / "r") as it:
            await it.done(1)
            server.add("bad", BAD)
            server.odd["bad"] = answer
            it.service.connection(connected=False)
            it.service.connection(connected=True)
            status = await it.failed()
            assert status.last_failure is not None
            assert status.last_failure.code == code
            assert it.ids() == ["good"]
            assert await it.service.text(1) == GOOD.decode()
        assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["00000001.md", "index.json"]


@pytest.mark.parametrize("code", ["oversized", "wrong type", "other content", "encoded"])
async def test_one_bad_report_does_not_hide_the_others(
    certificates: Certificates, tmp_path: Path, code: str
) -> None:
    """A report that is wrong in itself is told, and older ones are fetched all the same."""
    async with report_server(certificates) as server:
        server.add("older", GOOD)
        server.add("bad", BAD)
        server.add("newer", GOOD)
        server.odd["bad"] = ROWS[code][0]
        async with working(certificates, server, tmp_path / "r") as it:
            await it.failed()
            assert it.ids() == ["newer", "older"]


NAMES = [
    "../../../etc/passwd",
    "..",
    "a/b",
    "/etc/passwd",
    "%2e%2e%2fx",
    "a\x1b[2J",
    "x" * 200,
    "",
    "a b",
    "ü",
    ".hidden",
    "a?b",
    "a#b",
]


async def test_odd_names_are_passed_over(certificates: Certificates, tmp_path: Path) -> None:
    """Nothing is asked for, and nothing written, under a name with paths, escapes or signs of a URL."""
    async with report_server(certificates) as server:
        server.extra = [entry(name) for name in NAMES]
        server.add("good", GOOD)
        async with working(certificates, server, tmp_path / "r") as it:
            status = await it.done(1)
            assert it.ids() == ["good"]
            assert status.last_failure is None
        assert [path for path in server.asked if "?" not in path] == ["/v1/reports/good"]
    assert {path.name for path in (tmp_path / "r").iterdir()} == {"00000001.md", "index.json"}


async def test_titles_are_safe(certificates: Certificates, tmp_path: Path) -> None:
    """Escapes in title and kind are gone before they are kept or shown; long ones are cut."""
    async with report_server(certificates) as server:
        text = b"ok\x1b[2J\n\tx\n"
        server.texts["a"] = text
        server.extra = [entry("a", text, title="\x1b]0;x\x07" + "t" * 900, kind="\u202ekind")]
        async with working(certificates, server, tmp_path / "r") as it:
            await it.done(1)
            (one,) = it.service.reports()
            assert "\x1b" not in one.title + one.kind
            assert "\u202e" not in one.kind
            assert len(one.title) <= 500
            assert await it.service.text(one.number) == "ok\ufffd[2J\n\tx\n"


def _listed(**more: Any) -> bytes:
    return plain(body=json.dumps({"server_time": "2026-11-22T12:00:00Z", **more}).encode())


LISTS = {
    "no json": plain(body=b"<html>"),
    "no list": _listed(),
    "too many": _listed(reports=[entry(f"r{n}") for n in range(201)]),
    "far too many": _listed(reports=[{}] * 200_000),
    "bad size": _listed(reports=[entry("a", bytes=-1)]),
    "bad digest": _listed(reports=[entry("a", sha256="../x")]),
    "bad time": _listed(reports=[entry("a", made_at="yesterday")]),
}


@pytest.mark.parametrize("fault", LISTS)
async def test_a_list_that_cannot_be_understood(
    certificates: Certificates, tmp_path: Path, fault: str
) -> None:
    """It is a failure with its code, nothing changes, and nobody waits for the reading of it."""
    async with report_server(certificates) as server:
        server.list_answer = LISTS[fault]
        async with working(certificates, server, tmp_path / "r") as it:
            with Ticker() as ticker:
                status = await it.failed()
            assert ticker.worst < 0.25
            assert status.last_failure is not None
            assert status.last_failure.code == "reply-not-understood"
            assert it.ids() == []


async def test_memory_stays_bounded(certificates: Certificates, tmp_path: Path) -> None:
    """Endless lists and texts, and a flood of new reports at each look, cost a few megabytes, not more."""
    async with report_server(certificates) as server:
        server.list_answer = endless
        async with working(certificates, server, tmp_path / "r") as it:
            await it.failed()  # what is imported and made once
            tracemalloc.start()
            try:
                it.service.noticed(())
                await it.clock.idle()
                await it.clock.advance(600, waiters=0)
                await it.failed(2)
                server.list_answer = None
                text = b"x" * MOST_REPORT_BYTES
                for n in range(60):
                    server.add(f"big-{n}", text)
                it.service.connection(connected=False)
                it.service.connection(connected=True)
                await it.until(lambda status: status.checked_at)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert peak < 8 << 20
        kept = sum(path.stat().st_size for path in (tmp_path / "r").iterdir())
        assert kept <= (8 << 20) + (1 << 20)
