"""Text from outside."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tm_tui.text import safe_text


def test_escapes_do_not_survive() -> None:
    """A server cannot move the admin's cursor or set the clipboard by what it says."""
    assert safe_text("a\x1b]52;c;aGk=\x07b\x9b2Jc\x7f") == "a\ufffd]52;c;aGk=\ufffdb\ufffd2Jc\ufffd"


def test_lines_become_one() -> None:
    """A message of several lines stays readable on one."""
    assert safe_text("one\r\ntwo\tthree\nfour") == "one two three four"


def test_cut_shows() -> None:
    """A cut text ends with an ellipsis, so that nobody takes the part for the whole."""
    assert safe_text("x" * 600) == "x" * 499 + "…"
    assert safe_text("x" * 500) == "x" * 500


@given(st.text(alphabet=st.characters(codec=None, categories=None), max_size=700))
def test_nothing_unsafe_whatever_comes(text: str) -> None:
    """No control, surrogate or bidi character survives, and the result fits and encodes."""
    safe = safe_text(text)
    assert len(safe) <= 500
    safe.encode("utf-8")
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [
        c for c in safe if unicodedata.category(c) in {"Cc", "Cs"} or unicodedata.bidirectional(c) in bidi
    ]
    assert safe_text(safe) == safe
