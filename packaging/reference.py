"""What there is to look up: commands, settings, files, variables. Man pages and docs/ are made of it."""

from collections.abc import Iterator

import click

from screens.launch.commands import console
from tm_tui.cli.commands import engine_commands
from tm_tui.errors import SettingsRefused
from tm_tui.settings.fields import FieldSpec
from tm_tui.settings.model import Settings
from tm_tui.settings.plain import with_value

EXIT = (("0", "Done."), ("1", "It failed."), ("2", "Wrong use."), ("3", "No agent answers."))
CHECK = "With status --check: 0 ok, 1 warning, 2 critical, 3 unknown."
FILES = (
    (
        "/etc/tm-tui",
        "Settings in numbered revisions, passwords, approved host keys. For the agent's user alone.",
    ),
    ("/var/lib/tm-tui", "The appliance's name and the log queue."),
    ("/run/tm-tui/control.sock", "The control socket, for root and the groups tm-admin and tm-view."),
)
VARIABLES = (
    ("TM_TUI_HOME", "Keep settings, state and socket below this folder instead."),
    ("CONFIGURATION_DIRECTORY, STATE_DIRECTORY, RUNTIME_DIRECTORY", "The three folders one by one."),
    ("NO_COLOR", "The console uses no colours."),
)
ELSEWHERE = "Kept apart; set it with tm-tui config secret {name}."
_MOST = 10**9

Found = tuple[tuple[str, ...], click.Command]


def all_commands() -> Iterator[Found]:
    """Every command with its words; of groups only those that do something by themselves."""
    group = engine_commands(console)
    context = click.Context(group)
    for name in group.list_commands(context):
        below = group.get_command(context, name)
        if below is not None and not below.hidden:
            yield from _below(below, ("tm-tui", name))


def _below(command: click.Command, words: tuple[str, ...]) -> Iterator[Found]:
    if not isinstance(command, click.Group):
        yield words, command
        return
    if command.invoke_without_command:
        yield words, command
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below is not None and not below.hidden:
            yield from _below(below, (*words, name))


def usage(command: click.Command) -> str:
    """What may stand behind its words."""
    pieces = command.collect_usage_pieces(click.Context(command))
    return " ".join(piece for piece in pieces if not piece.startswith("COMMAND"))


def options(command: click.Command) -> Iterator[tuple[str, str]]:
    """Each option with its help, without the arguments, which the usage has."""
    context = click.Context(command)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            yield record[0], record[1]


def about(command: click.Command) -> str:
    """Its help, each paragraph on one line."""
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


def default(spec: FieldSpec) -> str:
    """The value that a setting has at first; empty for an empty text."""
    return str(spec.default).lower() if isinstance(spec.default, bool) else str(spec.default)


def values(spec: FieldSpec) -> tuple[str, ...]:
    """The values that a setting may have, each one, or the lowest and the highest of a number."""
    if spec.kind == "switch":
        return ("true", "false")
    if spec.kind == "number":
        low = next(number for number in range(_MOST) if _taken(spec, number))
        return str(low), str(_highest(spec, low))
    return tuple(value for value, _ in spec.choices)


def _taken(spec: FieldSpec, value: int) -> bool:
    try:
        Settings.parse(with_value({}, spec.key, value))
    except SettingsRefused:
        return False
    return True


def _highest(spec: FieldSpec, low: int) -> int:
    taken, refused = low, _MOST
    while refused - taken > 1:
        middle = (taken + refused) // 2
        taken, refused = (middle, refused) if _taken(spec, middle) else (taken, middle)
    return taken
