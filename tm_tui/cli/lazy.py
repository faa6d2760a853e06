"""Groups of commands: they help who mistypes, and import commands when these are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

__all__ = ["Group", "Lazy", "LazyGroup"]


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command by name: `target` is `module:attribute`, `help` is its line in the list of commands."""

    target: str
    help: str

    def load(self) -> click.Command:
        """Import it."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101  the tables name commands
        return command


class Group(click.Group):
    """A group of commands. A name that is none is told with the one that was perhaps meant."""

    def __init__(self, *args: Any, aliases: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        """`aliases` are words that people try first, each with its command; help has no line for them."""
        super().__init__(*args, **kwargs)
        self._aliases = aliases or {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name or alias; None if there is none."""
        return super().get_command(ctx, self._aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a name that is none is told with the nearest."""
        name = args[0] if args else ""
        meant = get_close_matches(name, self.list_commands(ctx), 1)
        if meant and not name.startswith("-") and self.get_command(ctx, name) is None:
            from tm_tui.text import safe_text

            ctx.fail(f"No such command {safe_text(name, 40)!r}. Did you mean {meant[0]!r}?")
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A group that knows names and help of its commands without importing them, in the table's order."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's shape
        """All names: first those that were added, then the table's."""
        return [*self.commands, *self._lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported if need be; None if there is none."""
        if (lazy := self._lazy.get(cmd_name)) is not None:
            return lazy.load()
        return super().get_command(ctx, cmd_name)

    def _helps(self) -> dict[str, str]:
        own = {name: command.get_short_help_str(100) for name, command in self.commands.items()}
        return own | {name: lazy.help for name, lazy in self._lazy.items()}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's shape
        """List the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._helps().items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of commands from the table, and this group's own options."""
        names = [
            CompletionItem(name, help=text)
            for name, text in self._helps().items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
