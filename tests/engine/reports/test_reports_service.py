"""Fetching reports from a real TLS server: when it looks, what it takes, what it says."""

from pathlib import Path

import pytest

from agents import revision_for, settings_for
from reporting.server import plain, report_server
from reporting.work import APPLIANCE, working
from servers.certificates import Certificates
from tm_tui.reports.store import Bounds
from tm_tui.status_server.protocol import Notice

NOTICE = (Notice(kind="report", id="whatever", title="3 new reports"),)


async def test_a_connection_is_a_reason_to_look(certificates: Certificates, tmp_path: Path) -> None:
    """A notice that was missed costs nothing: after each (re)connection the list is compared."""
    async with report_server(certificates) as server, working(certificates, server, tmp_path / "r") as it:
        server.add("first")
        await it.done(1)
        server.add("second")
        it.service.connection(connected=True)  # it was connected before: no reason
        it.service.connection(connected=False)
        it.service.connection(connected=True)
        await it.done(2)
        assert it.ids() == ["second", "first"]
        assert server.asked.count(f"/v1/reports?appliance={APPLIANCE}") == 2
        assert server.asked.count("/v1/reports/first") == 1


async def test_a_notice_is_a_reason_to_look(certificates: Certificates, tmp_path: Path) -> None:
    """One notice for many reports is enough, and one of another kind is none."""
    off = {"connected": False}
    async with (
        report_server(certificates) as server,
        working(certificates, server, tmp_path / "r", **off) as it,
    ):
        for number in range(30):
            server.add(f"r{number}")
        it.service.noticed((Notice(kind="pattern", id="1"),))
        assert server.asked == []
        it.service.noticed(NOTICE)
        status = await it.done(30)
        assert status.unread == 30
        assert status.newest is not None
        assert status.newest.id == "r29"
        assert status.checked_at is not None


async def test_what_was_kept_is_not_fetched_again(certificates: Certificates, tmp_path: Path) -> None:
    """Neither after a restart, nor what had to make room."""
    async with report_server(certificates) as server:
        for number in range(5):
            server.add(f"r{number}")
        for _ in range(2):
            async with working(certificates, server, tmp_path / "r", bounds=Bounds(reports=3)) as it:
                await it.until(lambda status: status.checked_at)
                assert len(it.ids()) == 3
        assert len(server.asked) == 2 + 5


async def test_switched_off_nothing_is_fetched(certificates: Certificates, tmp_path: Path) -> None:
    """It says so; what is there stays, and fetching goes on when it is switched on again."""
    async with report_server(certificates) as server:
        server.add("one")
        async with working(certificates, server, tmp_path / "r") as it:
            await it.done(1)
        async with working(certificates, server, tmp_path / "r", enabled=False) as it:
            it.service.noticed(NOTICE)
            status = it.service.status()
            assert (status.enabled, status.kept) == (False, 1)
            assert await it.service.text(1) == "# A report\n"
        assert len(server.asked) == 2


async def test_a_failure_is_shown_and_tried_again(certificates: Certificates, tmp_path: Path) -> None:
    """With code, cause and count; it goes away with the first success."""
    async with report_server(certificates) as server:
        server.add("one")
        server.list_answer = plain("503 Ill")
        async with working(certificates, server, tmp_path / "r") as it:
            status = await it.failed()
            assert status.last_failure is not None
            assert status.last_failure.code == "http-server-error"
            await it.clock.idle()
            await it.clock.advance(1.0)
            await it.failed(2)
            server.list_answer = None
            await it.clock.idle()
            await it.clock.advance(5.0, waiters=0)
            status = await it.done(1)
            assert status.last_failure is None


async def test_a_portal_without_reports_is_asked_once(certificates: Certificates, tmp_path: Path) -> None:
    """404 is an answer: it is shown, and asked again only when there is a reason."""
    async with report_server(certificates) as server:
        server.list_answer = plain("404 Not Found")
        async with working(certificates, server, tmp_path / "r") as it:
            status = await it.failed()
            assert status.last_failure is not None
            assert status.last_failure.code == "http-not-found"
            assert it.clock.pending() == ()
            it.service.noticed(NOTICE)
            await it.failed(2)


@pytest.mark.parametrize("status", ["401", "403", "404", "405"])
async def test_a_portal_that_was_ill_is_asked_again(
    certificates: Certificates, tmp_path: Path, status: str
) -> None:
    """One refusal of a portal that had reports does not end them: within the hour it is asked again."""
    async with report_server(certificates) as server, working(certificates, server, tmp_path / "r") as it:
        await it.until(lambda seen: seen.checked_at)
        server.list_answer = plain(f"{status} Ill")
        server.add("one")
        it.service.noticed(NOTICE)
        await it.failed()
        server.list_answer = None
        await it.clock.idle()
        await it.clock.advance(3600, waiters=0)
        await it.done(1)


@pytest.mark.parametrize("status", ["401", "403"])
async def test_an_accepted_beat_is_a_reason_to_look_after_a_refusal(
    certificates: Certificates, tmp_path: Path, status: str
) -> None:
    """The credentials are right, so reports are fetched; without a refusal a beat is no reason."""
    async with report_server(certificates) as server:
        server.add("one")
        server.list_answer = plain(f"{status} Ill")
        async with working(certificates, server, tmp_path / "r") as it:
            await it.failed()
            server.list_answer = None
            it.service.beat_accepted()
            await it.done(1)
            asked = len(server.asked)
            it.service.beat_accepted()
            assert not it.service.status().fetching
            assert len(server.asked) == asked


async def test_a_report_that_is_gone_is_passed_over(certificates: Certificates, tmp_path: Path) -> None:
    """Between the list and the fetching a portal may have dropped one: no failure."""
    async with report_server(certificates) as server:
        server.add("there")
        server.add("gone")
        server.odd["gone"] = plain("404 Not Found")
        async with working(certificates, server, tmp_path / "r") as it:
            status = await it.done(1)
            assert status.last_failure is None


async def test_the_download_limit_holds(certificates: Certificates, tmp_path: Path) -> None:
    """Reports share the limit of the status server: a slow one is waited for, as long as bytes come."""
    async with report_server(certificates) as server:
        server.add("large", b"x" * 30_000)
        async with working(certificates, server, tmp_path / "r", connected=False) as it:
            limiter = it.service._bandwidth.download
            it.service._bandwidth.set(0, 100)
            taken: list[int] = []
            reserve = limiter.reserve

            def reserving(size: int) -> float:
                taken.append(size)
                return reserve(size)

            limiter.reserve = reserving  # type: ignore[method-assign]
            it.service.connection(connected=True)
            await it.done(1)
            assert sum(taken) > 30_000


async def test_new_settings_begin_anew(certificates: Certificates, tmp_path: Path) -> None:
    """A changed way to the server concerns it, the beat's interval does not; the old failure is forgotten."""
    async with report_server(certificates) as server:
        server.list_answer = plain("503 Ill")
        async with working(certificates, server, tmp_path / "r") as it:
            await it.failed()
            one = revision_for(settings_for(server.port), certificates.ca_pem)
            other = revision_for(settings_for(server.port, seconds=600), certificates.ca_pem)
            third = revision_for(settings_for(1), certificates.ca_pem)
            assert it.service.concerns(one) == it.service.concerns(other)
            assert it.service.concerns(one) != it.service.concerns(third)
            it.service.prepare(third)
            assert it.service.status().last_failure is None
