"""Markdown as rows of text for a terminal of any width: small, without colours, and safe with any input.

Weight is a mark beside each character; what a row says is there without it too.
"""

from typing import TYPE_CHECKING, ClassVar

from tm_tui.text_rows import NARROWEST, PLAIN, STRONG, Row, cells, cut_at, laid_out, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markdown_it.token import Token

__all__ = ["rows_of"]


def rows_of(markdown: str, width: int) -> tuple[Row, ...]:
    """Lay Markdown (CommonMark with tables; HTML is text) out for `width` columns.

    It takes a second or two for the largest reports: not on an event loop.
    """
    from markdown_it import MarkdownIt

    printer = _Printer(max(20, width))
    printer.print(MarkdownIt("commonmark", {"html": False}).enable("table").parse(markdown))
    return printer.rows()


class _Printer:
    """Goes through the tokens once and gathers rows."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[Row] = []
        self._indent: list[str] = []
        self._bullet: str | None = None
        self._lists: list[int | None] = []

    def rows(self) -> tuple[Row, ...]:
        """What was gathered, without blank rows at its end."""
        while self._rows and not self._rows[-1].text:
            self._rows.pop()
        return tuple(Row(row.text.rstrip(), row.marks[: len(row.text.rstrip())]) for row in self._rows)

    def print(self, tokens: "Sequence[Token]") -> None:
        """All of them."""
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token.type == "table_open":
                end = next(n for n in range(position, len(tokens)) if tokens[n].type == "table_close")
                self._table(tokens[position:end])
                position = end
            elif token.type == "heading_open":
                self._heading(int(token.tag[1:]), tokens[position + 1])
                position += 2
            else:
                self._block(token)
            position += 1

    def _block(self, token: "Token") -> None:
        what = self._BLOCKS.get(token.type)
        if what is not None:
            what(self, token)

    def _inline(self, token: "Token") -> None:
        for line in _lines(token):
            self._put(line)

    def _paragraph_ends(self, token: "Token") -> None:
        if not token.hidden:  # as in a list without blank lines
            self._gap()

    def _list_begins(self, token: "Token") -> None:
        ordered = token.type == "ordered_list_open"
        self._lists.append(int(token.attrs.get("start", 1)) if ordered else None)

    def _list_ends(self, _: "Token") -> None:
        self._lists.pop()
        if not self._lists:
            self._gap()

    def _quote_begins(self, _: "Token") -> None:
        self._indent.append("> ")

    def _indent_ends(self, _: "Token") -> None:
        if self._bullet is not None:
            self._put(Row("", ""))
        self._indent.pop()

    def _rule(self, _: "Token") -> None:
        self._put(Row.of("-" * min(20, self._room())))
        self._gap()

    def _item_begins(self, _: "Token") -> None:
        number = self._lists[-1]
        self._bullet = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._indent.append(" " * len(self._bullet))

    def _heading(self, level: int, inline: "Token") -> None:
        self._gap()
        text = "".join(line.text for line in _lines(inline))
        for line in wrapped(Row.of(text, STRONG), self._room()):
            self._put(line)
        if level == 1:
            self._put(Row.of("=" * min(self._room(), cells(text))))
        self._gap()

    def _code(self, token: "Token") -> None:
        self._indent.append("    ")
        for line in token.content.expandtabs(4).splitlines():
            rest = line
            while True:
                cut = cut_at(rest, self._room()) if rest else 0
                self._put(Row.of(rest[:cut]), wrap=False)
                rest = rest[cut:]
                if not rest:
                    break
        self._indent.pop()
        self._gap()

    def _table(self, tokens: "Sequence[Token]") -> None:
        grid: list[list[Row]] = []
        right: set[int] = set()
        for position, token in enumerate(tokens):
            if token.type == "tr_open":
                grid.append([])
            elif token.type in {"th_open", "td_open"}:
                if "right" in str(token.attrs.get("style", "")):
                    right.add(len(grid[-1]))
                lines = _lines(tokens[position + 1])
                cell = Row("", "")
                for line in lines:
                    cell = cell + line
                grid[-1].append(Row.of(cell.text, STRONG) if token.type == "th_open" else cell)
        if grid and not any(cell.text for cell in grid[0]):
            del grid[0]
        for row in laid_out(grid, self._room(), right):
            self._put(row, wrap=False)
        self._gap()

    _BLOCKS: ClassVar["Mapping[str, Callable[[_Printer, Token], None]]"] = {
        "inline": _inline,
        "paragraph_close": _paragraph_ends,
        "bullet_list_open": _list_begins,
        "ordered_list_open": _list_begins,
        "bullet_list_close": _list_ends,
        "ordered_list_close": _list_ends,
        "list_item_open": _item_begins,
        "list_item_close": _indent_ends,
        "blockquote_open": _quote_begins,
        "blockquote_close": _indent_ends,
        "fence": _code,
        "code_block": _code,
        "hr": _rule,
    }

    def _room(self) -> int:
        return max(NARROWEST, self._width - sum(map(len, self._indent)))

    def _put(self, row: Row, *, wrap: bool = True) -> None:
        for line in wrapped(row, self._room()) if wrap else [row]:
            lead = "".join(self._indent)
            if self._bullet is not None:
                lead = "".join(self._indent[:-1]) + self._bullet
                self._bullet = None
            self._rows.append(Row.of(lead) + line)

    def _gap(self) -> None:
        if self._rows and self._rows[-1].text.strip():
            self._rows.append(Row("", ""))


def _lines(inline: "Token") -> list[Row]:
    """The text of an inline token with its weights; hard breaks begin a new line."""
    lines, strong = [Row("", "")], 0
    links: list[str] = []
    for token in inline.children or ():
        text = ""
        match token.type:
            case "strong_open" | "em_open":
                strong += 1
            case "strong_close" | "em_close":
                strong -= 1
            case "hardbreak":
                lines.append(Row("", ""))
            case "softbreak":
                text = " "
            case "link_open":
                links.append(str(token.attrs.get("href", "")))
            case "link_close":
                text = f" <{links.pop()}>" if links else ""
            case "image":
                text = f"[picture: {token.content}]"
            case _:
                text = token.content
        lines[-1] = lines[-1] + Row.of(text, STRONG if strong else PLAIN)
    return lines
