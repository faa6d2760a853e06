"""Draw the pictures of README and guide: plays the demo on a real pty and writes the screens as SVG.

Run it from the project's root after `make test` has set up .venv: `.venv/bin/python docs/draw_pictures.py`.
"""

import asyncio
import os
import sys
from html import escape
from pathlib import Path

from pyte.screens import Char

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from e2e.lab import COMMAND, short_folder  # noqa: E402 - beside the tests' terminal, on purpose
from e2e.terminal import Terminal  # noqa: E402
from tm_tui.api.requests import SecretChanges, SubmitRequest  # noqa: E402
from tm_tui.demo.patterns import deploy_a_pattern  # noqa: E402
from tm_tui.demo.reports import report_of_an_incident  # noqa: E402
from tm_tui.demo.stage import stage  # noqa: E402

PAGES = (
    ("History", "First settings", "history"),
    ("Case", "new case received", "case"),
    ("Pattern", "ward-01", "patterns"),
    ("Reports", "RTKT_HIDE.C", "report"),
)
"""Pages by what finds them in the palette, what shows that they are there, and the picture's name."""

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
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="15">',
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
        if shown := text.strip():
            weight = ' font-weight="bold"' if bold else ""
            x += (len(text) - len(text.lstrip())) * WIDTH
            drawn = escape(shown.replace(" ", "\xa0"))  # browsers make one of several spaces, also in SVG
            length = len(shown) * WIDTH
            parts.append(
                f'<text x="{x}" y="{y + 15}" textLength="{length}" fill="{ink}"{weight}>{drawn}</text>'
            )
        start = end
    return parts


def draw(name: str, terminal: Terminal) -> None:
    """Write one picture, of a screen at rest: its last sign is there, and nothing comes for a second."""
    terminal.settle(1.0)
    (ROOT / "docs" / "pictures" / f"{name}.svg").write_text(svg(terminal), encoding="utf-8")


def demo(folder: Path) -> None:
    """Play the demo: the form, the test, the status, the help."""
    environ = {**os.environ, "TMPDIR": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal((COMMAND, "demo"), environ) as terminal:
        terminal.wait_for("TMSP  DISABLED", 60)
        terminal.settle()
        terminal.send("F3")
        terminal.wait_for("Test passed")
        draw("test", terminal)
        terminal.send("F1")
        terminal.wait_for("PgDn scroll")
        draw("help", terminal)
        terminal.send("Esc")
        terminal.wait_for(lambda text: "PgDn scroll" not in text)
        terminal.send("F2")
        terminal.wait_for("TMSP  CONNECTED")
        terminal.send("F4")
        terminal.wait_for("Enter Open")
        terminal.send("Up")
        terminal.wait_for("1 pattern not deployed yet    Enter")
        terminal.wait_for("─ Status ─")
        draw("status", terminal)
        terminal.send("F10")
        terminal.wait_for_end()


async def at_work(folder: Path) -> None:
    """An appliance with a history, a case, a pattern and a report, as the demo's story makes them."""
    async with stage() as made:
        first = made.settings("ssl", enabled=False)
        await made.save(first, SecretChanges(tmsp=made.password), "First settings")
        settings = made.settings("ssl", enabled=True)
        await made.save(settings, SecretChanges(), "Registered with TMSP")
        await report_of_an_incident(made)
        await deploy_a_pattern(made)
        settings["tmsp"] |= {"email": "security@example.com"}
        await made.save(settings, SecretChanges(), "The team's address, not mine")
        evidence = folder / "invoice.pdf.exe"
        evidence.write_bytes(b"MZ" + os.urandom(300_000))
        await made.client.submit_case(
            SubmitRequest(paths=(str(evidence),), endpoint="till-07.shop.example.net", threat="RTKT_HIDE.C")
        )
        async with asyncio.timeout(60):
            async for _ in made.client.status_stream():
                if (await made.client.cases()).cases[0].case_id:
                    break
        home = {"TM_TUI_HOME": str(made.folder / "appliance"), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        await asyncio.to_thread(look, {**os.environ, **home})


def look(environ: dict[str, str]) -> None:
    """Open each page by its name and draw it."""
    with Terminal((COMMAND,), environ) as terminal:
        terminal.wait_for("TMSP  CONNECTED", 60)
        for page, sign, name in PAGES:
            terminal.send("\x10")
            terminal.wait_for("Command:")
            terminal.send(page, "Enter")
            terminal.wait_for(sign)
            terminal.settle()
            if name == "case":
                terminal.send(*["Down"] * 6)  # past the form, to the case
                terminal.wait_for("  RTKT_HIDE.C")
            if name == "report":
                terminal.send("Enter", "Enter")
                terminal.wait_for("Malicious behaviours")
            draw(name, terminal)
        terminal.send("Esc")
        terminal.wait_for("looked at the portal")
        terminal.send("F10")
        terminal.wait_for_end()


def main() -> None:
    """Draw all."""
    with short_folder() as folder:
        demo(folder)
        asyncio.run(at_work(folder))


if __name__ == "__main__":
    main()
