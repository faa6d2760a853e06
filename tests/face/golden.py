"""Pictures in words: the rows of a screen's parts, with marks for style below them, readable in a diff.

A picture is of the parts that a case is about, and of nothing else: another menu entry, or another key in
the footer, changes those pictures alone that are of the menu or the footer. `pytest --snapshot-update` makes
them anew.
"""

from collections.abc import Iterator
from typing import Any

from rich.style import Style
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual._context import visible_screen_stack
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.shell.menu_tree import MenuTree
from screens.terminal.cursor import place
from screens.widgets.field import Field

__all__ = ["GoldenText", "picture", "strips_of"]

_LEGEND = {
    "b": "bold",
    "r": "reverse",
    "R": "bold reverse",
    "g": "green",
    "G": "bold green",
    "w": "yellow",
    "W": "bold yellow",
    "e": "red",
    "E": "bold red",
    "^": "the cursor",
}
"""What a mark says of the character above it."""
_MARKS = {words: mark for mark, words in _LEGEND.items()}
_ATTRIBUTES = ("bold", "dim", "italic", "underline", "strike", "reverse")
_COLOURS = {1: "red", 2: "green", 3: "yellow"}


class GoldenText(SingleFileSnapshotExtension):
    """One file of text for each case."""

    _file_extension = "txt"
    _write_mode = WriteMode.TEXT


def strips_of(app: App[Any]) -> list[Strip]:
    """The screen as it is shown now, with what lies behind a question.

    Whoever draws says what lies behind: without, a question that is painted anew then stays on nothing.
    """
    visible_screen_stack.set(app._background_screens)
    return app.screen._compositor.render_strips()


def picture(app: Any, parts: str) -> str:
    """The parts of the screen by their names, each from its own row on.

    `head top page bottom panel keys`: the house from above to below; `test`: the pane of the connection test;
    `help`, `buttons`: of a form; `entry`: the menu's row of this page; `box`: a question or list in front;
    `sheet`: what covers all; a key of the settings: its field.
    """
    strips, cursor = strips_of(app), place(app)
    lines, used = [], set()
    for name in parts.split():
        region = _region(app, name).intersection(app.size.region)
        height = _written(strips, region) if name == "help" else region.height
        lines.append(f"[{name} {region.width}x{height}]")
        for y in range(region.y, region.y + height):
            cells = list(_cells(strips[y].crop(region.x, region.right)))
            if cursor is not None and cursor[1] == y and region.x <= cursor[0] < region.right:
                text, _ = cells[cursor[0] - region.x]
                cells[cursor[0] - region.x] = (text, "^")
            used |= {mark for _, mark in cells}
            lines.append(f"  {''.join(text for text, _ in cells)}".rstrip())
            if marks := "".join(mark for _, mark in cells).rstrip():
                lines.append(f"~ {marks}")
        lines.append("")
    lines.append("Marks: " + ", ".join(f"{mark} {words}" for mark, words in _LEGEND.items() if mark in used))
    return "\n".join(lines) + "\n"


def _written(strips: Any, region: Region) -> int:
    """Rows down to the last that is not blank: what the fields above leave to the help is not its subject."""
    blank = [not strips[y].crop(region.x, region.right).text.strip() for y in range(region.y, region.bottom)]
    return max((at for at, empty in enumerate(blank, 1) if not empty), default=0)


def _cells(strip: Any) -> Iterator[tuple[str, str]]:
    """Each character with its mark."""
    for text, style, _ in strip:
        for character in text:
            yield character, _mark(style)


def _mark(style: Style | None) -> str:
    if style is None:
        return " "
    names = [
        name for name in ("bold", "dim", "italic", "underline", "strike", "reverse") if getattr(style, name)
    ]
    for colour, where in ((style.color, ""), (style.bgcolor, "on ")):
        if colour is not None and not colour.is_default:
            names.append(where + _COLOURS.get(colour.number or 0, str(colour.name)))
    words = " ".join(names)
    assert not words or words in _MARKS, f"no mark says {words!r}: give it one in _LEGEND"
    return _MARKS.get(words, " ")


def _region(app: Any, name: str) -> Region:
    """Where a part is; nowhere if it is out of sight."""
    main = app.main
    if name == "entry":
        menu = main.query_one(MenuTree)
        return Region(menu.region.x, menu.terminal_cursor.y, menu.region.width, 1)
    frame = main._frame
    known = {
        "head": [frame.header],
        "top": [frame.top],
        "page": [main._pages],
        "test": [frame.test_bar, frame.test_pane],
        "bottom": [frame.bottom],
        "panel": [frame.panel],
        "keys": [frame.footer],
    }
    if name in known:
        found = known[name]
    elif name in {"box", "sheet"}:
        found = list(app.screen.query(f".{name}"))
    elif name in {"help", "buttons"}:
        found = list(main.page.query(f".{name}"))
    else:
        found = [field for field in main.page.query(Field) if field.spec.key == name]
    assert found, f"no {name} here"
    return Region.from_union([part.region for part in found]) if all(map(_seen, found)) else Region()


def _seen(part: Widget) -> bool:
    return all(node.display for node in part.ancestors_with_self if isinstance(node, Widget))
