"""What a code means is one text, in docs/, in the program and on the screen."""

from pathlib import Path

import pytest

from tm_tui import explain
from tm_tui.explain import codes, explanation, whole_text

DOCS = Path(__file__).parents[2] / "docs" / "failures.md"


def test_it_is_the_text_of_the_docs() -> None:
    """What is explained offline is docs/failures.md, to the byte."""
    assert whole_text() == DOCS.read_text(encoding="utf-8")


def test_the_installed_one_is_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel brings its own copy: no checkout is needed."""
    (tmp_path / "failures.md").write_text("# x\n\n### `a-code`\n\n**You see:** this\nand that.\n\n## Next\n")
    monkeypatch.setattr(explain, "_PLACES", (tmp_path / "failures.md", tmp_path / "none"))
    explain._sections.cache_clear()
    try:
        assert codes() == ("a-code",)
        assert explanation("a-code") == "You see: this and that."
    finally:
        monkeypatch.undo()
        explain._sections.cache_clear()


@pytest.mark.parametrize("code", codes())
def test_each_explanation_is_plain_text_in_whole_paragraphs(code: str) -> None:
    """An explanation fits any width and has no marks of Markdown."""
    text = explanation(code)
    assert text
    assert [line.split(":")[0] for line in text.split("\n\n")][:2] == ["You see", "It means"]
    assert not {"**", "`", "###"} & set(text)
    assert not text.endswith("\n")


def test_an_unknown_code_has_none() -> None:
    """No explanation is made up."""
    assert explanation("no-such-code") is None
