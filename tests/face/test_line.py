"""Editing one line of text."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from screens.widgets.line import Line

LINES = st.builds(lambda text, at: Line(text, min(at, len(text))), st.text(max_size=30), st.integers(0, 30))


@given(LINES, st.text(max_size=10))
def test_typing_and_deleting_again_is_nothing(line: Line, text: str) -> None:
    """Each typed character is one Backspace."""
    after = line.insert(text)
    for _ in text:
        after = after.delete_left()
    assert after == line


@given(LINES)
def test_cuts_part_the_text_at_the_cursor(line: Line) -> None:
    """^U and ^K take what stands before and behind the cursor, no more."""
    assert line.cut_right().text + line.cut_left().text == line.text


@given(LINES, st.integers(2, 20))
def test_the_cursor_is_always_in_sight(line: Line, cells: int) -> None:
    """However long the text: the part shown fits the field, has the cursor in it, and says what is cut."""
    shown, cursor = line.window(cells)
    assert cell_len(shown) <= cells
    assert 0 <= cursor < cells
    before, behind = shown[:1] == "<" and cursor > 0, shown[-1:] == ">" and cursor < cells - 1
    part = shown[1 if before else 0 : -1 if behind else None].rstrip(" ")
    assert part in line.text or shown in line.text
    if cells >= 4 and cell_len(line.text) > cells:
        assert shown[:1] == "<" or shown[-1:] == ">"
    if cell_len(line.text) < cells and len(line.text) < 4 * cells:
        assert shown == line.text


@given(LINES, st.integers(-40, 40))
def test_the_cursor_stays_in_the_text(line: Line, by: int) -> None:
    """Moving stops at the ends."""
    assert 0 <= line.move(by).at <= len(line.text)
