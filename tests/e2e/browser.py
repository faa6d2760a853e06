"""A real browser on a portal's pages: Debian's Chromium, driven by its own driver, on loopback only."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 60.0
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


class Browser:
    """What an operator does with it."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def text(self) -> str:
        """What the page says."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def sees(self, words: str) -> None:
        """Wait until the page says so."""
        gone = [StaleElementReferenceException]  # the page before, while it is replaced
        waiting = WebDriverWait(self.driver, PATIENCE, 0.05, gone)
        waiting.until(lambda _: words in self.text(), f"the page never said: {words}")

    def find(self, css: str) -> WebElement:
        """One element."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def follow(self, words: str) -> None:
        """Follow a link."""
        self.driver.find_element(By.LINK_TEXT, words).click()

    def press(self, words: str) -> None:
        """Press a button."""
        self.driver.find_element(By.XPATH, f"//button[normalize-space()='{words}']").click()

    def fill(self, name: str, value: str) -> None:
        """Type into a field."""
        field = self.driver.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)


@contextlib.contextmanager
def browser(folder: Path, size: tuple[int, int] = (1100, 800)) -> Iterator[Browser]:
    """A browser that is gone when the block ends, with a profile of its own."""
    if not CHROMIUM or not DRIVER:
        pytest.fail("chromium and chromedriver are missing: run packaging/test-peers")
    options = Options()
    options.binary_location = CHROMIUM
    options.accept_insecure_certs = True  # its own list of authorities cannot be told of the portal's
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
        *("--disable-sync", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
        *(f"--user-data-dir={folder / 'profile'}", f"--window-size={size[0]},{size[1]}"),
    ):
        options.add_argument(argument)
    service = Service(DRIVER, log_output=str(folder / "driver.log"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_page_load_timeout(PATIENCE)
        yield Browser(driver)
    finally:
        driver.quit()
