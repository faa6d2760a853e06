"""ARCHITECTURE.md says in five lines each how to add a field, page, command, control call, failure code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CHAPTER = MAP.partition("\n## How to add\n")[2].partition("\n## ")[0]
HOW_TO = dict(re.findall(r"^### (.+)\n\n((?:[1-5]\. .+\n)+)", CHAPTER, re.MULTILINE))


def test_there_are_the_five() -> None:
    """Whoever adds one of these finds how."""
    assert list(HOW_TO) == ["A field", "A page", "A command", "A control call", "A failure code"]


@pytest.mark.parametrize("title", HOW_TO)
def test_each_line_is_true(title: str) -> None:
    """Five lines; each file is there, and each name that stands beside files is in one of them."""
    lines = HOW_TO[title].splitlines()
    assert [line[:3] for line in lines] == ["1. ", "2. ", "3. ", "4. ", "5. "]
    for line in lines:
        quoted = re.findall(r"`([^`]+)`", line)
        files = [ROOT / one for one in quoted if "/" in one]
        assert files, line
        assert [path for path in files if not path.is_file()] == []
        texts = [path.read_text(encoding="utf-8") for path in files]
        assert [one for one in quoted if "/" not in one and not any(one in text for text in texts)] == []
