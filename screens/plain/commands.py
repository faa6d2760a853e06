"""The commands behind menu entries that are no forms, with a question for each thing they may be told."""

import asyncio
import shlex
from typing import TYPE_CHECKING

import click

from tm_tui.cli.commands import engine_commands
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from screens.plain.desk import PlainDesk
    from screens.plain.lines import Lines

__all__ = ["help_of", "run_command"]


def help_of(command: str) -> str:
    """What a command (`logs send`) does, in one line; with a flag (`diagnostics --print`), what that does."""
    found = _find(command)
    flags = [word for word in command.split() if word.startswith("-")]
    options = (one for one in found.params if isinstance(one, click.Option) and set(flags) & set(one.opts))
    return next((one.help for one in options if one.help), found.get_short_help_str(100))


async def run_command(desk: "PlainDesk", command: str) -> None:
    """Ask for what the command wants, and run it as if it had been typed."""
    found = _find(command)
    flags = [word for word in command.split() if word.startswith("-")]
    arguments = flags + [
        argument for parameter in found.params for argument in await _ask(desk.lines, parameter)
    ]
    try:
        await asyncio.to_thread(found.main, arguments, prog_name=command, standalone_mode=False)
    except click.Abort:
        desk.tell("Broken off.")
    except click.ClickException as error:
        desk.tell(error.format_message(), wrong=True)
    except TmError as error:
        desk.tell(f"{error.cause} {error.remedy}", wrong=True)


def _find(command: str) -> click.Command:
    found: click.Command = engine_commands()
    for name in [word for word in command.split() if not word.startswith("-")]:
        assert isinstance(found, click.Group)  # noqa: S101  the menu names commands
        inner = found.get_command(click.Context(found), name)
        assert inner is not None  # noqa: S101
        found = inner
    return found


async def _ask(lines: "Lines", parameter: click.Parameter) -> list[str]:
    """The words of one parameter, as on a command line. Options that need no answer are left out.

    These are flags, choices with a default, and files: a console writes none.
    """
    if isinstance(parameter, click.Option) and _goes_without_saying(parameter):
        return []
    what = parameter.name or ""
    if isinstance(parameter, click.Option) and parameter.help:
        what = parameter.help.rstrip(".")
    many = parameter.nargs == -1 or parameter.multiple
    value = await _value(lines, parameter, f"{what}{', several apart by spaces' if many else ''}")
    try:
        values = shlex.split(value) if many else [value] if value else []
    except ValueError:  # a quote without its twin
        values = value.split()
    if isinstance(parameter, click.Option):
        return [word for one in values for word in (parameter.opts[-1], one)]
    return values


def _goes_without_saying(option: click.Option) -> bool:
    chosen = isinstance(option.type, click.Choice) and isinstance(option.default, str)
    return option.is_flag or option.hidden or chosen or isinstance(option.type, click.Path | click.File)


async def _value(lines: "Lines", parameter: click.Parameter, what: str) -> str:
    if isinstance(parameter.type, click.Choice):
        choices = [str(choice) for choice in parameter.type.choices]
        lines.say(f"{what}:")
        chosen = await lines.choose("Choose", choices, kept="none of these")
        return "" if chosen is None else choices[chosen]
    return (await lines.ask(f"{what} ({'needed' if parameter.required else 'Enter: none'})")).strip()
