"""The project's pages as tests read them: their shell examples, their links, their headings."""

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["DOCS", "ROOT", "Example", "anchors", "examples", "links", "pages"]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\S*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Example(NamedTuple):
    """A block of shell; `tested` ones are marked ```sh tested and must succeed as they stand."""

    page: str
    text: str
    tested: bool


def pages() -> list[Path]:
    """README, ARCHITECTURE, and everything in docs/."""
    return [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.glob("*.md"))]


def examples(page: Path) -> list[Example]:
    """The shell blocks of a page, in their order."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [Example(page.name, text, mark == "tested") for kind, mark, text in found if kind == "sh"]


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, outside blocks of code."""
    return _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The names by which the headings of a page can be linked to, as forges make them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
