"""Write the pages that are made from the product: docs/settings.md and its like.

Run it from the project's root when a test says that one is behind: `.venv/bin/python docs/write_pages.py`.
"""

import json
import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "packaging"))
import reference  # noqa: E402 - beside the man pages, which are made of the same

from tm_tui.api.call import Call, Order  # noqa: E402
from tm_tui.api.orders import CALLS  # noqa: E402
from tm_tui.explain import explanation, whole_text  # noqa: E402
from tm_tui.link.trying_again import CODES, meaning_of  # noqa: E402
from tm_tui.portal.settings import keys  # noqa: E402
from tm_tui.settings.fields import FIELDS, FieldSpec  # noqa: E402

_MADE = "<!-- Made by docs/write_pages.py: change the product, not this page. -->"
_GROUPS = {
    "tmsp": "Services > Threat Management Services Portal",
    "proxy": "Services > Proxy Settings",
    "trust": "System > Server Identity",
    "console": "System > Console",
    "spool": "Logs > Log Queue Limits",
    "patterns": "Services > Pattern Deployment and Custom Cleanup",
}
_SETTINGS = """\
# Settings

Every setting, by the page of the console that has it. `tm-tui config set KEY VALUE` changes one,
`tm-tui config get KEY` prints it, `tm-tui config apply FILE` takes a whole file of the form at the end of
this page. See the [guide](guide.md#change-settings-safely) for history, trials and the way back.
"""
_FORM = """\
## As a file

`tm-tui config show` prints the settings in this form, `tm-tui config apply` takes it. A group is a table;
what is left out has its default. Passwords never stand in it: the saved ones stay, and are asked for again
where the settings lead them [somewhere else](guide.md#passwords-go-where-they-were-typed-for).

```toml
schema = 1

[tmsp]
enabled = true
username = "registering-user"

[tmsp.log_server]
host = "logs.example.com"
protocol = "ssl"

[tmsp.status_server]
host = "status.example.com"
```
"""
_PORTAL_SETTINGS = """\
# The portal's settings

Each key of `portal.toml` in the portal's home. The file is read when the portal starts; without it, and
for each key that it leaves out, the default counts. Options of `tm-tui portal` stand above it. A key that
does not exist is refused, with the one that was most likely meant. See [portal.md](portal.md) for what to
set when.
"""
_COMMANDS = """\
# Commands

Every command with its options; `--help` behind any of them prints the same. The [guide](guide.md) has them at
work.

Every command takes `--json`, and then answers in JSON, failures too. `--help` and `-h` print help;
`tm-tui --version` prints the version. Without a command `tm-tui` opens the console, and takes the options of
`tm-tui console`.
"""
_CALLS = "<!-- This table is made by docs/write_pages.py of the calls that tm_tui/api declares. -->"
_CODES = """\
# Failure codes

What each code says, in a line. The link leads to what it means and what to do; `tm-tui explain CODE` says
that on an appliance without a network. HOST, PORT and PROXY stand for the server and the proxy. The last
column says when the appliance tries again by itself; beats go on at their own pace, whatever was refused.
"""
_SECTION = re.compile(r"^### `([a-z0-9-]+)`$\n+(.+?)(?=\n\n|\n#)", re.MULTILINE | re.DOTALL)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _values(spec: FieldSpec) -> str:
    if spec.kind == "secret":
        return reference.ELSEWHERE.format(name=spec.key.partition(".")[0]).removesuffix(".")
    found = reference.values(spec)
    if spec.kind == "number":
        return f"{found[0]} to {found[1]}"
    return ", ".join(f"`{value}`" for value in found) or "text"


def _settings() -> Iterator[str]:
    yield from (_MADE, "", _SETTINGS.rstrip())
    for screen, path in _GROUPS.items():
        yield from (
            "",
            f"## {path}",
            "",
            "| key | on the form | values | default | |",
            "|---|---|---|---|---|",
        )
        for spec in FIELDS:
            if spec.screen == screen:
                first = reference.default(spec)
                shown = f"`{first}`" if first else "empty"
                cells = (f"`{spec.key}`", spec.label, _values(spec), shown, spec.help)
                yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
    yield from ("", _FORM.rstrip())


def _portal_settings() -> Iterator[str]:
    yield from (_MADE, "", _PORTAL_SETTINGS.rstrip(), "", "| key | default | |", "|---|---|---|")
    for key, default, words in keys():
        shown = json.dumps(default)
        yield f"| `{key}` | `{shown}` | {_cell(words)} |"


def _command(words: tuple[str, ...], command: click.Command) -> Iterator[str]:
    yield from ("", f"### `{' '.join(words)}`", "", f"`{' '.join(words)} {reference.usage(command)}`", "")
    yield reference.about(command)
    told = [(name, text) for name, text in reference.options(command) if name != "--json" and text]
    if told:
        yield from ("", "| option | |", "|---|---|")
        yield from (f"| `{_cell(name)}` | {_cell(text)} |" for name, text in told)


def _commands() -> Iterator[str]:
    yield from (_MADE, "", _COMMANDS.rstrip(), "", "| exit code | |", "|---|---|")
    yield from (f"| {code} | {text} |" for code, text in reference.EXIT)
    yield from ("", reference.CHECK, "", "| variable | |", "|---|---|")
    yield from (f"| `{name.replace(', ', '`, `')}` | {text} |" for name, text in reference.VARIABLES)
    group = ""
    for words, command in reference.all_commands():
        if words[1] != group:
            group = words[1]
            yield from ("", f"## {group}")
        yield from _command(words, command)


def _codes() -> Iterator[str]:
    yield from (_MADE, "", _CODES.rstrip())
    headings = re.split(r"^## (.+)$", whole_text(), flags=re.MULTILINE)
    parts = dict(zip(headings[1::2], headings[2::2], strict=True))
    for heading, part in parts.items():
        yield from ("", f"## {heading}", "", "| code | | tried again |", "|---|---|---|")
        for code, _ in _SECTION.findall(part):
            said = (explanation(code) or "").partition("\n")[0].removeprefix("You see: ")
            again = meaning_of(code).when.value if code in CODES else ""
            yield f"| [`{code}`](failures.md#{code}) | {_cell(said)} | {again} |"
    yield from ("", "## Deploying a pattern", "", "| code | the deployer, or an endpoint |", "|---|---|")
    for code, text in _SECTION.findall((DOCS / "deployer.md").read_text(encoding="utf-8")):
        yield f"| [`{code}`](deployer.md#{code}) | {_cell(text)} |"


def _call(call: Call[Any]) -> str:
    request = f"`{call.shown}`" + (', `If-Match: "REVISION"`' if call.if_match else "")
    if isinstance(call, Order):
        request += f", body `{call.body.__name__}`"
    several = call.answer_name.removeprefix("list of ")
    answer = f"`{several}`" if several == call.answer_name else f"list of `{several}`"
    if call.events:
        answer = f"events `{call.events.replace(', ', '`, `')}` ({answer})"
    elif call.status != HTTPStatus.OK:
        answer = f"{call.status}, {answer}"
    return f"| {request} | {answer} | {call.words.replace('|', '%7C')} |"


def _control() -> Iterator[str]:
    """docs/control.md, whose table of calls alone is made."""
    before, title, rest = (DOCS / "control.md").read_text(encoding="utf-8").partition("\n## Routes\n")
    yield before + title.rstrip()
    yield from ("", _CALLS, "", "| request | answer | |", "|---|---|---|", *map(_call, CALLS), "")
    yield rest[rest.index("\nA password in a `SaveRequest`") + 1 :].rstrip()


def pages() -> dict[str, str]:
    """Every page that is made, by its file name."""
    made = {
        "settings.md": _settings(),
        "portal-settings.md": _portal_settings(),
        "commands.md": _commands(),
        "codes.md": _codes(),
        "control.md": _control(),
    }
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
