"""The table of failures, its documentation and its tests say the same, both ways."""

import re
from pathlib import Path

import pytest

from tm_tui.link.failures import FAILURES, failure
from tm_tui.link.types import Endpoint, Proxy
from tm_tui.probe.servers import CLOCK_SKEW
from tm_tui.probe.settings import INCOMPLETE

ROOT = Path(__file__).parents[3]
NAMES = {
    "target": "HOST:PORT",
    "host": "HOST",
    "port": "PORT",
    "peer": "HOST:PORT",
    "Peer": "The server HOST:PORT",
    "peer_host": "HOST",
    "proxy": "PROXY:PORT",
}


def sections() -> dict[str, str]:
    """docs/failures.md by heading."""
    text = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
    parts = re.split(r"^### `([a-z0-9-]+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_each_code_has_its_section_and_each_section_its_code() -> None:
    """Whoever looks up a code finds it, and finds nothing that no longer exists."""
    assert list(sections()) == [INCOMPLETE, *FAILURES, CLOCK_SKEW]


@pytest.mark.parametrize("code", FAILURES)
def test_a_section_repeats_the_texts_on_the_screen(code: str) -> None:
    """What the screen says is what the section begins with, and it goes further."""
    section = " ".join(sections()[code].split())
    cause, remedy = (text.format_map(NAMES) for text in FAILURES[code])
    assert f"**You see:** {cause}" in section
    assert f"**Do:** {remedy}" in section
    assert re.search(r"\*\*It means:\*\* \S.{20,}\*\*Do", section)


@pytest.mark.parametrize("code", FAILURES)
@pytest.mark.parametrize("stage", ["proxy", "tls"])
def test_texts_are_whole_plain_sentences(code: str, stage: str) -> None:
    """Every text can be filled in at every stage, names what it is about, and reads as sentences."""
    found = failure(code, stage, Endpoint("tmsp.example.com", 443), Proxy("http", Endpoint("proxy", 8080)))
    for text in (found.cause, found.remedy):
        assert text[0].isupper()
        assert text.endswith(".")
        assert text.isprintable()
        assert "{" not in text
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code)


@pytest.mark.parametrize("code", FAILURES)
def test_each_code_is_provoked(code: str) -> None:
    """A code that no test provokes is a promise that nobody keeps."""
    own = Path(__file__)
    folder = own.parents[2]  # the rows of the failure table provoke too
    tests = [path for path in (*folder.rglob("test_*.py"), *folder.rglob("rows_*.py")) if path != own]
    assert any(f'"{code}"' in path.read_text(encoding="utf-8") for path in tests)


def test_hostile_names_are_made_safe() -> None:
    """A host or a detail with escapes does not reach the screen as such."""
    found = failure("link-failed", "tcp", Endpoint("a\x1b[2Jb", 1), detail="x\x07y")
    assert found.cause.isprintable()
