"""A real browser walks through the portal's pages, by keyboard where it matters, and on a small screen."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from e2e.browser import Browser, browser
from tm_tui.api.requests import SecretChanges
from tm_tui.demo.logs import lines_of, some_events
from tm_tui.demo.stage import Stage, stage


def log_on(page: Browser, base: str, name: str, password: str) -> None:
    """Wrong first, then right; by keyboard, as the field has the focus."""
    page.driver.get(f"{base}/portal")
    page.sees("Log on")
    page.driver.switch_to.active_element.send_keys(name, Keys.TAB, "wrong", Keys.ENTER)
    page.sees("User name or password is wrong.")
    assert page.driver.get_cookie("__Host-tmsp-session") is None
    page.driver.switch_to.active_element.send_keys(name, Keys.TAB, password, Keys.ENTER)
    page.sees("Registered Products")
    cookie = page.driver.get_cookie("__Host-tmsp-session")
    assert cookie is not None
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")


def look_around(page: Browser, appliance: str) -> None:
    """Products, endpoints, logs, a report."""
    page.sees(appliance)
    page.sees("admin@example.com")
    assert fits(page)
    page.follow("Endpoints")
    page.sees("manual-cleanup-needed")
    page.follow("All endpoints")
    page.sees("cleaned")
    page.follow("Logs")
    page.sees("root-cause")
    page.follow("Reports")
    page.sees("incident")
    page.driver.find_element(By.PARTIAL_LINK_TEXT, "TROJ_DOWNLD.KA").click()
    page.sees("Chain of events that led to the infection")
    page.sees("Recommended actions")
    page.driver.back()
    page.sees("incident")


def fits(page: Browser) -> bool:
    """Whether nothing of it is wider than the window."""
    widths = "const m = document.querySelector('main'); return [m.scrollWidth, m.clientWidth]"
    content, window = page.driver.execute_script(widths)
    return bool(content <= window)


def by_keyboard(page: Browser, base: str) -> list[str]:
    """What the Tab key reaches on the list of products, in its order."""
    page.driver.get(f"{base}/portal/products")
    page.sees("Registered Products")
    reached = []
    for _ in range(14):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.driver.switch_to.active_element.text.split("\n")[0])
    return reached


def remove(page: Browser, base: str, appliance: str) -> None:
    """Asked first, kept, then removed."""
    page.driver.get(f"{base}/portal/products")
    page.follow(appliance)
    page.sees("History")
    page.driver.find_element(By.PARTIAL_LINK_TEXT, "Remove").click()
    page.sees(f"Remove {appliance}?")
    page.follow("Keep it")
    page.sees("admin@example.com")
    page.follow(appliance)
    page.driver.find_element(By.PARTIAL_LINK_TEXT, "Remove").click()
    page.press(f"Remove {appliance}")
    page.sees(f"{appliance} was removed from Registered Products.")


def log_off(page: Browser, base: str) -> None:
    """Out, and out also by the Back key."""
    page.press("Log off")
    page.sees("Log on")
    page.driver.get(f"{base}/portal/reports")
    page.sees("Log on")
    assert page.driver.get_cookie("__Host-tmsp-session") is None


def walk(folder: Path, ready: dict[str, Any], appliance: str) -> list[str]:
    """All of it; what the browser complained of."""
    password = Path(ready["operator_password_file"]).read_text()
    base = f"https://127.0.0.1:{ready['status_server']['port']}"
    with browser(folder) as page:
        log_on(page, base, ready["operator"], password)
        look_around(page, appliance)
        reached = by_keyboard(page, base)
        assert reached[:13] == [
            *(
                "To the content",
                "Registered Products",
                "Alerts",
                "Endpoints",
                "Logs",
                "Reports",
                "Cases",
                "Patterns",
                "Audit",
                "Retention",
                "Accounts",
                "operator",
                "Log off",
            ),
        ]
        assert reached[13].endswith("missing")
        page.driver.set_window_size(420, 800)
        for name in (
            "products",
            f"products/{appliance}",
            "alerts",
            "removed",
            "zone",
            "endpoints",
            "logs",
            "reports",
            "cases",
            "patterns",
            "accounts",
            "accounts/one?name=registering-user",
            "accounts/remove?name=registering-user",
            "password",
        ):
            page.driver.get(f"{base}/portal/{name}")
            assert fits(page), name
        remove(page, base, appliance)
        log_off(page, base)
        return [entry["message"] for entry in page.driver.get_log("browser")]


async def prepared(stage: Stage) -> str:
    """Register, deliver, and wait for the incident report; the appliance's name."""
    await stage.save(stage.settings("ssl", enabled=True), SecretChanges(tmsp=stage.password), "pages")
    await stage.client.add_events(lines_of(some_events("web", 8, datetime.now(UTC))))
    async for status in stage.client.status_stream():
        if status.state == "connected":
            break
    reply = await stage.client.send_logs()
    while not reply.done:
        reply = await stage.client.sent(reply.number)
    async for status in stage.client.status_stream():
        if status.reports.kept:
            break
    await stage.save(stage.settings("ssl", enabled=False), SecretChanges(), "so that it stays removed")
    return (await stage.client.status()).appliance


async def test_an_operator_s_round(tmp_path: Path) -> None:
    """Log on (a wrong password is refused), products, endpoints, logs, a report, remove one, log off."""
    async with asyncio.timeout(110), stage() as running:
        appliance = await prepared(running)
        complaints = await asyncio.to_thread(walk, tmp_path, running.portal.ready, appliance)
        refused = [text for text in complaints if "403" in text]
        assert [text for text in complaints if text not in refused] == [], json.dumps(complaints)
        assert len(refused) == 1
