"""The documentation is whole and true: what can be looked up is there, and what is there exists."""

import ast
import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from documents import DOCS, ROOT, Example, anchors, examples, links, pages
from screens.desk.keys import KEYS
from screens.desk.menu import ENTRIES
from screens.launch.commands import console
from tm_tui.cli.commands import engine_commands
from tm_tui.explain import codes
from tm_tui.settings.fields import FIELDS

_REFUSALS = {"Refused": 1, "Refusal": 0, "DeploymentRefused": 0, "DeployerFailure": 0, "failure": 0}
"""Calls that carry a code, and where it stands among their arguments."""


def text(name: str) -> str:
    """A page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def writer() -> Iterator[ModuleType]:
    """docs/write_pages.py, which is no part of the package."""
    sys.path.insert(0, str(DOCS))
    before = set(sys.path)
    try:
        yield importlib.import_module("write_pages")
    finally:
        sys.path[:] = [entry for entry in sys.path if entry in before and entry != str(DOCS)]


def test_the_made_pages_are_current(writer: ModuleType) -> None:
    """The pages of settings, commands and codes say what the product says: else run docs/write_pages.py."""
    made = writer.pages()
    assert set(made) == {"settings.md", "portal-settings.md", "commands.md", "codes.md", "control.md"}
    for name, wanted in made.items():
        assert text(name) == wanted, f"{name} is behind: run docs/write_pages.py"


def commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """All commands that the command line has, with their words: read off click, not off the pages' maker."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield " ".join(words), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            if not below.hidden:
                yield from commands(below, (*words, name))


def test_each_command_and_option_is_documented() -> None:
    """Whoever looks for a command finds it with all its options."""
    parts = re.split(r"^### `(.+)`$", text("commands.md"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    found = dict(commands(engine_commands(console), ("tm-tui",)))
    assert set(sections) == set(found) - {"tm-tui"}
    assert len(sections) > 50
    for words, section in sections.items():
        for option in (one for one in found[words].params if isinstance(one, click.Option)):
            for name in [] if option.hidden else option.opts:
                assert f"`{name}" in section or name == "--json", (words, name)


def test_each_setting_is_documented() -> None:
    """Each key stands in settings.md with its label, its help and each of its values."""
    rows = {line.split("`")[1]: line for line in text("settings.md").splitlines() if line.startswith("| `")}
    assert list(rows) == [spec.key for spec in FIELDS]
    for spec in FIELDS:
        assert spec.label in rows[spec.key]
        assert spec.help in rows[spec.key]
        assert all(f"`{value}`" in rows[spec.key] for value, _ in spec.choices)


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "guide.md"], ids=lambda page: page.name)
def test_each_key_is_documented(page: Path) -> None:
    """README and guide name each command key with the control key that does the same."""
    shown = page.read_text(encoding="utf-8")
    for key in KEYS:
        assert f"| {key.name} | {key.twin} |" in shown
    for more in ("Esc", "^P", "^L"):
        assert f"| {more} |" in shown


def test_each_page_of_the_console_is_in_the_guide() -> None:
    """What is in the menu is spoken of in the guide or in the pages that are looked up."""
    shown = text("guide.md") + text("settings.md")
    missing = [entry.title for entry in ENTRIES if entry.title not in shown and entry.name not in shown]
    assert missing == []


def test_each_failure_code_is_documented() -> None:
    """Each code that `tm-tui explain` knows has a line in codes.md that leads to its section."""
    shown = text("codes.md")
    for code in codes():
        assert f"[`{code}`](failures.md#{code})" in shown


def used_codes() -> dict[str, str]:
    """Every code that the agent's own source gives to somebody, with a place where it does."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "tm_tui").rglob("*.py")):
        if "portal" in path.relative_to(ROOT).parts:
            continue  # another server: docs/protocol.md
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = _REFUSALS.get(name)
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            given += node.args[place : place + 1] if place is not None else []
            for one in given:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    found[one.value] = f"{path.relative_to(ROOT)}:{node.lineno}"
    return found


def test_each_code_in_the_source_is_documented() -> None:
    """A code that somebody can meet stands somewhere in docs/, also those that are no failure of a link."""
    shown = " ".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    found = used_codes()
    assert len(found) > 50
    assert {code: place for code, place in found.items() if f"`{code}`" not in shown} == {}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    """Each link and picture of a page exists, down to the heading."""
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def test_each_picture_is_shown() -> None:
    """Nothing lies in docs/pictures that no page shows."""
    shown = {Path(link).name for page in pages() for link in links(page)}
    assert {path.name for path in (DOCS / "pictures").iterdir()} <= shown


def lines_of(example: Example) -> list[list[str]]:
    """The words of each call of tm-tui in an example, without comments and redirections."""
    joined = example.text.replace("\\\n", " ")
    found = []
    for line in joined.splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0].endswith("tm-tui"):
            found.append([word for word in words[1:] if not word.startswith(("<", ">"))])
    return found


def called(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words lead to, and what stands behind it."""
    command: click.Command = engine_commands(console)
    context = click.Context(command)
    while isinstance(command, click.Group):
        group = command
        at = next((n for n, word in enumerate(words) if group.get_command(context, word)), None)
        below = group.get_command(context, words[at]) if at is not None else None
        if at is None or below is None:
            break
        command, words = below, words[at + 1 :]
    return command, words


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_examples_call_what_exists(page: Path) -> None:
    """Also the examples that no test can run name commands and options that there are."""
    for words in (line for example in examples(page) for line in lines_of(example)):
        command, rest = called(words)
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known, words
        assert not isinstance(command, click.Group) or command.invoke_without_command, words


def test_the_map_is_whole_and_leads_somewhere() -> None:
    """ARCHITECTURE.md names every folder of the program, and every file that it names exists."""
    shown = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    folders = [*(ROOT / "tm_tui").iterdir(), *(ROOT / "screens").iterdir()]
    names = {str(one.relative_to(ROOT)) for one in folders if any(one.glob("*.py")) or one.name == "help"}
    assert {name for name in names if f"`{name}`" not in shown} == set()
    files = set(re.findall(r"`([a-z][\w-]*/[\w./-]+\.\w+|[\w-]+\.(?:py|md|toml))`", shown)) - {
        "config/trial.json"
    }
    assert len(files) > 10
    places = (ROOT, ROOT / "tm_tui", ROOT / "docs")
    assert {file for file in files if not any((place / file).exists() for place in places)} == set()
