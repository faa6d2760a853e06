"""The man pages, made from the commands' help and the settings' declarations when the package is built.

So they are never behind. `python packaging/man_pages.py FOLDER` writes them to look at.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from reference import (
    CHECK,
    ELSEWHERE,
    EXIT,
    FILES,
    VARIABLES,
    about,
    all_commands,
    default,
    options,
    usage,
    values,
)

from screens.launch.commands import console
from tm_tui import __version__
from tm_tui.cli.commands import engine_commands
from tm_tui.settings.fields import FIELDS, FieldSpec

_AGENT_ABOUT = """\
The agent owns settings, passwords and log queue of an appliance. It registers the appliance with
the Threat Management Services Portal, sends heartbeats and logs, and serves the control socket, on which
console and commands ask it. It runs in the foreground; the package's unit starts it as user tm-tui.

It ends on SIGTERM within two seconds, and may be killed at any moment: what it acknowledged is on the disk.
SIGHUP makes it read the settings again. Under systemd (Type=notify) it says that it is well while its event
loop turns and its log queue reaches the disk; when that stops, systemd starts it anew, and the journal has
the place where it hung.

Lines in the journal carry TM_CODE where a link failed: journalctl -u tm-tui-agent TM_CODE=tls-expired."""
_SETTINGS_ABOUT = """\
Each save makes a numbered folder revisions/NNNNNN with settings.toml, secrets.json (the passwords) and
meta.json; the link current leads to the one in force. They are changed with tm-tui config, or in the console,
never by hand: a file that is not what was saved is refused. tm-tui config apply FILE takes a settings.toml
from elsewhere; passwords do not stand in it, tm-tui config secret asks for them."""
_CONSOLE = "Without a command it opens the console on this terminal; F1 explains each screen."


def _text(text: str) -> str:
    """Plain text for roff."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


def _head(name: str, section: int, moment: int, about: str) -> Iterator[str]:
    day = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
    yield f'.TH {name.upper().replace("-", chr(92) + "-")} {section} "{day}" "tm\\-tui" "Threat Mitigator"'
    yield from (".SH NAME", f"{_text(name)} \\- {_text(about)}")


def _paragraphs(*texts: str) -> Iterator[str]:
    """Paragraphs; `.PP` stands between them only, as it has no meaning after a heading."""
    for number, paragraph in enumerate(part for text in texts for part in text.split("\n\n")):
        yield from ([".PP"] if number else [])
        yield _text(" ".join(paragraph.split()))


def _terms(pairs: Iterator[tuple[str, str]] | tuple[tuple[str, str], ...]) -> Iterator[str]:
    for term, text in pairs:
        yield from (".TP", f".B {_text(term)}", _text(text))


def _command(words: tuple[str, ...], command: click.Command) -> Iterator[str]:
    yield from (".SS " + _text(" ".join(words)), f".B {_text(' '.join(words))}", _text(usage(command)))
    yield ".PP"
    yield from _paragraphs(about(command))
    yield from _terms((name, text or "See above.") for name, text in options(command))


def tm_tui_1(moment: int) -> str:
    """The commands."""
    group = engine_commands(console)
    lines = [*_head("tm-tui", 1, moment, "console and commands of a Threat Mitigator appliance")]
    lines += [".SH SYNOPSIS", ".B tm\\-tui", "[COMMAND] [OPTIONS]"]
    lines += [".SH DESCRIPTION", *_paragraphs(group.help or "", _CONSOLE)]
    lines += [".SH COMMANDS"]
    for words, command in all_commands():
        lines += _command(words, command)
    lines += [".SH EXIT STATUS", *_terms(EXIT), ".PP", *_paragraphs(CHECK)]
    lines += [".SH ENVIRONMENT", *_terms(VARIABLES), ".SH FILES", *_terms(FILES)]
    lines += [".SH SEE ALSO", "tm\\-tui\\-agent(8), tm\\-tui\\-settings(5), /usr/share/doc/tm\\-tui"]
    return "\n".join(lines) + "\n"


def tm_tui_agent_8(moment: int) -> str:
    """The service."""
    lines = [*_head("tm-tui-agent", 8, moment, "the agent of a Threat Mitigator appliance")]
    lines += [".SH SYNOPSIS", ".B tm\\-tui agent", ".br", ".B systemctl start tm\\-tui\\-agent"]
    lines += [".SH DESCRIPTION", *_paragraphs(_AGENT_ABOUT), ".SH FILES", *_terms(FILES)]
    lines += [".SH SEE ALSO", "tm\\-tui(1), tm\\-tui\\-settings(5), systemd.service(5)"]
    return "\n".join(lines) + "\n"


def _setting(spec: FieldSpec) -> str:
    parts = [f"{spec.label}. {spec.help}".strip()]
    if spec.kind == "secret":
        parts.append(ELSEWHERE.format(name=spec.key.partition(".")[0]))
        return " ".join(parts)
    if spec.kind == "number":
        parts.append("A whole number, {} to {}.".format(*values(spec)))
    elif found := values(spec):
        parts.append("One of " + ", ".join(found) + ".")
    parts.append(f"Default: {default(spec) or 'empty'}.")
    return " ".join(parts)


def tm_tui_settings_5(moment: int) -> str:
    """The settings, a key a paragraph."""
    lines = [*_head("tm-tui-settings", 5, moment, "the settings of a Threat Mitigator appliance")]
    lines += [".SH SYNOPSIS", "/etc/tm\\-tui/current/settings.toml"]
    lines += [".SH DESCRIPTION", *_paragraphs(_SETTINGS_ABOUT)]
    lines += [".SH SETTINGS", *_terms((spec.key, _setting(spec)) for spec in FIELDS)]
    lines += [".SH SEE ALSO", "tm\\-tui(1), tm\\-tui\\-agent(8)"]
    return "\n".join(lines) + "\n"


def man_pages(version: str, moment: int) -> dict[str, str]:
    """All pages by file name."""
    pages = {
        "tm-tui.1": tm_tui_1(moment),
        "tm-tui-agent.8": tm_tui_agent_8(moment),
        "tm-tui-settings.5": tm_tui_settings_5(moment),
    }
    return {name: page.replace('"tm\\-tui"', f'"tm\\-tui {version}"', 1) for name, page in pages.items()}


if __name__ == "__main__":
    for name, page in man_pages(__version__, 0).items():
        (Path(sys.argv[1]) / name).write_text(page)
