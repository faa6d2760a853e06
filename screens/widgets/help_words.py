"""The help pages in rows: what F1 shows, and large forms below their fields."""

from pathlib import Path
from textwrap import wrap

from textual.content import Content

__all__ = ["help_lines", "help_text"]

_FOLDER = Path(__file__).parent.parent / "pages" / "help"


def help_text(name: str) -> str:
    """The Markdown of one help page."""
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")


def help_lines(text: str, width: int) -> list[Content]:
    """Markdown of headings, paragraphs and lists in rows of at most `width` cells."""
    lines: list[Content] = []
    for paragraph in text.splitlines():
        if paragraph.startswith("#"):
            lines.append(Content.styled(paragraph.lstrip("# "), "bold"))
        else:
            hang = "  " if paragraph.startswith("- ") else ""
            lines += [Content(line) for line in wrap(paragraph, width, subsequent_indent=hang)] or [
                Content("")
            ]
    return lines
