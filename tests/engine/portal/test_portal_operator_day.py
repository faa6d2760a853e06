"""An operator's day in a real browser: one of ten thousand falls silent, is told of, helped, and back."""

import asyncio
import base64
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from fleets import MANY, fill
from portals import OpenPortal, beat, log_file, opened_portal, registration
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from clock import FakeClock
from e2e.browser import Browser, browser
from servers.alert_receivers import PASSWORD, USER, Received, mail_server, syslog_server, web_server
from servers.certificates import Certificates
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, open_portal

pytestmark = pytest.mark.one_store("what an operator sees; each part is tested on each store by itself")

SILENT = "tm-berlin-7"
PATIENCE = 60.0
TUS = {"tus-resumable": "1.0.0"}
EVIDENCE = b"evidence" * 1000


@dataclass
class Day:
    """The portal with its clock, the receivers of its alerts, and the operator's browser."""

    portal: OpenPortal
    clock: FakeClock
    mails: Received
    hook: Received
    log: Received
    page: Browser

    def at(self, path: str) -> str:
        """The address of a page."""
        return f"https://127.0.0.1:{self.portal.ready['status_server']['port']}/portal/{path}"

    def told(self) -> list[list[str]]:
        """What each receiver heard, the state of each alert in its order."""
        read = [message_from_bytes(one.content, policy=policy.default) for _, one in self.mails.got]
        return [
            [str(one["Subject"]).removeprefix("[TMSP] ") for one in read],
            [str(body["subject"]) for _, body in self.hook.got],
            [line.decode().split('state="')[1].split('"')[0] for line in self.log.got],
        ]

    async def until(self, outcome: Callable[[], bool]) -> None:
        """Let time pass, second by second, until it is so: however many wait on the clock, and for what."""
        async with asyncio.timeout(PATIENCE):
            while not outcome():
                self.clock.suspend(1.0)
                await self._heard(0.03)

    async def _heard(self, seconds: float) -> None:
        """Wait for something at a receiver, so long at most."""
        waiting = []
        for one in (self.mails, self.hook, self.log):
            one.arrived.clear()
            waiting.append(asyncio.create_task(one.arrived.wait()))
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    async def beats(self, seconds: int, **more: Any) -> int:
        """One beat of the appliance, registered anew."""
        async with self.portal.status_server() as client:
            wanted = registration(SILENT, heartbeat_seconds=seconds, **more)
            reply = await client.post("/v1/registration", json=wanted)
            if reply.status_code < 300:
                told = beat(SILENT, sent_at=self.clock.now().isoformat(), heartbeat_seconds=seconds)
                reply = await client.post("/v1/heartbeat", json=told)
            return reply.status_code


async def case_of(portal: OpenPortal) -> None:
    """The appliance's admin sends a case."""
    about = {"appliance": SILENT, "filename": "a.zip", "endpoint": "till-07", "threat": "RTKT_HIDE.C"}
    pairs = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in about.items())
    async with portal.status_server() as client:
        new = {**TUS, "upload-length": str(len(EVIDENCE)), "upload-metadata": pairs}
        where = (await client.post("/v1/cases/", headers=new)).headers["location"]
        kind = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
        sent = await client.patch(where, content=EVIDENCE, headers={**TUS, **kind})
        assert sent.status_code == 204


def settings(certificates: Certificates, mails: Received, hook: Received, log: Received) -> str:
    """A portal that looks often, and tells it on three ways."""
    ca_file = f'ca_file = "{certificates.ca_file}"\n'
    return (
        "[alerts]\nlook_seconds = 5\ngroup_seconds = 0\nsilent_intervals = 2\n"
        f'[alerts.mail]\nhost = "localhost"\nport = {mails.port}\nsender = "tmsp@example.com"\n'
        f'to = ["soc@example.com"]\nusername = "{USER}"\npassword_file = "mail-password"\n{ca_file}'
        f'[alerts.webhook]\nurl = "https://localhost:{hook.port}/"\n{ca_file}'
        f'[alerts.syslog]\nhost = "localhost"\nport = {log.port}\n{ca_file}'
    )


def looks_at_the_fleet(day: Day) -> None:
    """Logs on, sees one missing above all others, finds it by its name, and opens its page."""
    page = day.page
    page.driver.get(day.at(""))
    page.fill("username", day.portal.operator[0])
    page.fill("password", day.portal.operator[1])
    page.press("Log on")
    page.sees(f"{MANY + 1:,} in all")
    page.sees("1 missing")
    assert page.find("tbody th a").text == SILENT
    assert page.find("tbody td strong").text == "missing"
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "main > table > tbody > tr")) == 50
    page.fill("text", "berlin")
    page.press("Show")
    page.sees("1 found")
    assert "text=berlin" in page.driver.current_url
    page.follow(SILENT)
    page.sees("Clock")
    for words in ("History", "Endpoints with issues", "Logs received", "Reports", "Cases", "Patterns for it"):
        assert words in page.text()


def sees_the_alert(day: Day, *, holds: bool) -> None:
    """In its history, and on the page of alerts."""
    day.page.driver.get(day.at(f"products/{SILENT}"))
    day.page.sees("silent from")
    assert ("still" in day.page.text()) == holds
    day.page.driver.get(day.at("alerts"))
    day.page.sees(SILENT)


def answers_the_case(day: Day, file: Path) -> None:
    """Opens the case, issues a pattern for that appliance, and gives the case its pattern."""
    page = day.page
    page.follow("Cases")
    page.sees("Cases submitted")
    page.follow("C-000001")
    page.sees("RTKT_HIDE.C")
    page.driver.find_element(By.PARTIAL_LINK_TEXT, "Issue a pattern for").click()
    page.sees("Issue a pattern")
    assert page.find("[name=appliance]").get_attribute("value") == SILENT
    Select(page.find("[name=kind]")).select_by_visible_text("bandage")
    page.fill("description", "Removes RTKT_HIDE.C")
    page.find("[name=file]").send_keys(str(file))
    page.find("main form button").click()
    page.sees(f"Pattern 1 is issued, for {SILENT}.")
    page.driver.get(day.at("cases/C-000001"))
    page.sees("What came of it")
    Select(page.find("[name=pattern]")).select_by_value("1")
    page.press("Save")
    page.sees("C-000001 is changed.")


def removes_it(day: Day) -> None:
    """Asked first, told what follows, done."""
    page = day.page
    page.driver.get(day.at(f"products/{SILENT}"))
    page.driver.find_element(By.PARTIAL_LINK_TEXT, "Remove").click()
    page.sees(f"Remove {SILENT}?")
    page.press(f"Remove {SILENT}")
    page.sees(f"{SILENT} was removed from Registered Products.")
    page.sees(f"{MANY:,} in all")


def lets_it_return(day: Day) -> None:
    """On the page of those that were removed."""
    page = day.page
    page.follow("1 removed")
    page.sees(SILENT)
    page.find("main form button").click()
    page.sees(f"{SILENT} may register again")


def reads_the_audit(day: Day) -> None:
    """The appliance is there again; all that was done stands in the audit."""
    page = day.page
    page.driver.get(day.at(f"products?text={SILENT}"))
    page.sees("1 found")
    page.follow("Audit")
    for deed in ("logged-on", "pattern-issued", "case-changed", "product-removed", "product-readmitted"):
        page.sees(deed)
    page.press("Log off")
    page.sees("User name")


async def begun(stack: AsyncExitStack, home: Path, certificates: Certificates) -> Day:
    """Receivers, a portal with ten thousand that beat, and a browser."""
    mails = await stack.enter_async_context(mail_server(certificates.good))
    hook = await stack.enter_async_context(web_server(certificates.good))
    log = await stack.enter_async_context(syslog_server(certificates.good))
    async with opened_portal(home):
        pass
    clock = FakeClock(datetime.now(UTC))
    fill(home, 0, 86400, clock.now())
    (home / "portal.toml").write_text(settings(certificates, mails, hook, log))
    (home / "mail-password").write_text(PASSWORD)
    (home / "mail-password").chmod(0o600)
    stream = stack.enter_context(log_file(home).open("a"))
    opening = open_portal(PortalOptions(home), PortalLog(stream, clock), clock)
    portal = OpenPortal(home, (await stack.enter_async_context(opening))[0].model_dump())
    page = await asyncio.to_thread(stack.enter_context, browser(home.parent))
    return Day(portal, clock, mails, hook, log, page)


async def test_an_operator_s_day(home: Path, certificates: Certificates) -> None:
    """Silence is told once on three ways, found, answered with a pattern; the return is told once as well."""
    async with AsyncExitStack() as stack:
        day = await begun(stack, home, certificates)
        assert await day.beats(5) == 200
        await case_of(day.portal)
        await day.until(lambda: all(day.told()))
        assert day.told() == [[f"{SILENT} is silent"], [f"{SILENT} is silent"], ["began"]]
        await asyncio.to_thread(looks_at_the_fleet, day)
        await asyncio.to_thread(sees_the_alert, day, holds=True)
        (home.parent / "fix").write_bytes(b"fix")
        await asyncio.to_thread(answers_the_case, day, home.parent / "fix")
        async with day.portal.status_server() as client:
            (told,) = (await client.get(f"/v1/cases?appliance={SILENT}")).json()["cases"]
            assert told["pattern_id"] == "1"
        assert await day.beats(300) == 200
        await day.until(lambda: all(len(one) > 1 for one in day.told()))
        assert [one[1:] for one in day.told()] == [[f"{SILENT} is back"], [f"{SILENT} is back"], ["ended"]]
        await asyncio.to_thread(sees_the_alert, day, holds=False)
        await asyncio.to_thread(removes_it, day)
        assert await day.beats(300) == 410
        await asyncio.to_thread(lets_it_return, day)
        assert await day.beats(300) == 200
        await asyncio.to_thread(reads_the_audit, day)
        assert [len(one) for one in day.told()] == [2, 2, 2]
        assert day.page.driver.get_log("browser") == []
