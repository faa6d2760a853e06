"""Markdown as rows for a terminal: all words there, nothing wider than the line, whatever the input."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tm_tui.markdown_rows import rows_of
from tm_tui.text_rows import STRONG, Row, cells, wrapped

SAMPLE = """# Title

A *weighty* **strong** `code` line\\
and a hard break.

- one
- two with words that go on and on until they have to be wrapped somewhere
  1. inner
  2. second

> quoted

| Left | Right |
| --- | ---: |
| a **b** | 12345 |
| c | 1 |

```
fenced   code
```

[link](https://example.com) ![picture](x.png) <b>tag</b>

---
"""


def plain(markdown: str, width: int = 40) -> list[str]:
    return [row.text for row in rows_of(markdown, width)]


def test_a_sample_as_it_reads() -> None:
    """Headings, lists, quotes, tables, code and rules, as a person sees them."""
    assert plain(SAMPLE) == [
        "Title",
        "=====",
        "",
        "A weighty strong code line",
        "and a hard break.",
        "",
        "- one",
        "- two with words that go on and on until",
        "  they have to be wrapped somewhere",
        "  1. inner",
        "  2. second",
        "",
        "> quoted",
        "",
        "Left  Right",
        "a b   12345",
        "c         1",
        "",
        "    fenced   code",
        "",
        "link <https://example.com> [picture:",
        "picture] <b>tag</b>",
        "",
        "--------------------",
    ]


def test_weight_is_beside_the_text() -> None:
    """Headings, strong words and heads of tables are strong, all else is plain; no sign of it in the text."""
    strong = {text.strip() for row in rows_of(SAMPLE, 80) for text, mark in row.runs() if mark == STRONG}
    assert strong == {"Title", "weighty", "strong", "Left", "Right", "b"}


def test_wide_tables_give_way() -> None:
    """Columns are narrowed from the widest on, cells wrap, and no word is lost."""
    table = f"| a | b |\n| --- | --- |\n| {'long ' * 12} | {'words ' * 8} |\n"
    rows = plain(table, 40)
    assert max(map(len, rows)) <= 40
    assert sum(row.count("long") for row in rows) == 12
    assert sum(row.count("words") for row in rows) == 8


@pytest.mark.parametrize("width", [1, 20, 33, 80, 132])
@pytest.mark.parametrize(
    "markdown",
    [
        "# " + "x" * 500,
        "- " * 200 + "deep",
        "> " * 200 + "deep",
        "|a" * 100 + "|\n" + "|-" * 100 + "|\n" + "|b" * 100 + "|\n",
        "\u4e2d\u6587" * 100,
        "e\u0301" * 200,
        "1. a\n" * 50,
        "```\n" + "y" * 300 + "\n```",
        "\t\tindented\n",
        "|a|\n|-|\n|" + "z" * 300 + "|\n",
        "*" * 5000,
        "[" * 5000,
        "\n" * 5000,
        "",
    ],
)
def test_nothing_is_wider_than_the_line(markdown: str, width: int) -> None:
    """Long words, deep lists, many columns, wide and combining signs."""
    assert all(cells(row.text) <= max(20, width) for row in rows_of(markdown, width))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab *_`#->|[]()!<>&\\\n\t1.~=\u4e2d", max_size=200), st.integers(20, 60))
def test_any_text_can_be_laid_out(markdown: str, width: int) -> None:
    """No input raises, and marks go with their characters."""
    for row in rows_of(markdown, width):
        assert len(row.text) == len(row.marks)
        assert "\n" not in row.text
        assert "".join(text for text, _ in row.runs()) == row.text


@given(st.lists(st.text(alphabet="abc\u4e2d", min_size=1, max_size=30), max_size=20), st.integers(2, 20))
def test_wrapping_loses_nothing(words: list[str], width: int) -> None:
    """Every character is there, in its order."""
    lines = wrapped(Row.of(" ".join(words)), width)
    assert re.sub(r"\s", "", "".join(line.text for line in lines)) == "".join(words)
    assert all(cells(line.text) <= width for line in lines)
