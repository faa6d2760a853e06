"""Draw the README's pictures: plays the demo on a real pty and writes the screens as SVG.

Run it from the project's root after `make test` has set up .venv: `.venv/bin/python docs/draw_pictures.py`.
"""

import os
import sys
from html import escape
from pathlib import Path

from pyte.screens import Char

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from e2e.lab import COMMAND, short_folder  # noqa: E402 - beside the tests' terminal, on purpose
from e2e.terminal import Terminal  # noqa: E402

WIDTH, HEIGHT = 9, 19
PALETTE = {
    "default": "#d8dee9",
    "black": "#16191f",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#e5c07b",
    "blue": "#61afef",
    "magenta": "#c678dd",
    "cyan": "#56b6c2",
    "white": "#ffffff",
}
PAPER = "#16191f"


def colours(cell: Char) -> tuple[str, str]:
    """Ink and paper of a cell."""
    ink = PALETTE.get(
        cell.fg.removeprefix("bright"), f"#{cell.fg}" if len(cell.fg) == 6 else PALETTE["default"]
    )
    paper = PAPER if cell.bg == "default" else PALETTE.get(cell.bg.removeprefix("bright"), f"#{cell.bg}")
    return (paper, ink) if cell.reverse else (ink, paper)


def svg(terminal: Terminal) -> str:
    """The screen as it stands, a text element for each run of cells of one look."""
    screen = terminal.screen
    width, height = screen.columns * WIDTH + 24, screen.lines * HEIGHT + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">',
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="15" xml:space="preserve">',
    ]
    for row in range(screen.lines):
        parts += draw_row([screen.buffer[row][column] for column in range(screen.columns)], row)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def draw_row(cells: list[Char], row: int) -> list[str]:
    """The runs of one row."""
    parts, start = [], 0
    y = 12 + row * HEIGHT
    for end in range(1, len(cells) + 1):
        look = (*colours(cells[start]), cells[start].bold)
        if end < len(cells) and (*colours(cells[end]), cells[end].bold) == look:
            continue
        x, length = 12 + start * WIDTH, (end - start) * WIDTH
        ink, paper, bold = look
        text = "".join(cell.data or " " for cell in cells[start:end])
        if paper != PAPER:
            parts.append(f'<rect x="{x}" y="{y}" width="{length}" height="{HEIGHT}" fill="{paper}"/>')
        if text.strip():
            weight = ' font-weight="bold"' if bold else ""
            parts.append(
                f'<text x="{x}" y="{y + 15}" textLength="{length}" fill="{ink}"{weight}>{escape(text)}</text>'
            )
        start = end
    return parts


def draw(name: str, terminal: Terminal) -> None:
    """Write one picture."""
    (ROOT / "docs" / "pictures" / f"{name}.svg").write_text(svg(terminal), encoding="utf-8")


def main() -> None:
    """Play the demo and draw."""
    with short_folder() as folder:
        environ = {**os.environ, "TMPDIR": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        with Terminal((COMMAND, "demo"), environ) as terminal:
            terminal.wait_for("TMSP  DISABLED", 60)
            terminal.settle()
            terminal.send("F3")
            terminal.wait_for("Test passed")
            draw("test", terminal)
            terminal.send("F2")
            terminal.wait_for("TMSP  CONNECTED")
            terminal.send("F4")
            terminal.settle()
            terminal.send("Up")
            terminal.wait_for("Last beat")
            draw("status", terminal)
            terminal.send("F1")
            terminal.settle()
            draw("help", terminal)
            terminal.send("Esc")
            terminal.settle()
            terminal.send("F10")
            terminal.wait_for_end()


if __name__ == "__main__":
    main()
