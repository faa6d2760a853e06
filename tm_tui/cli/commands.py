"""The table of commands: what there is, and where. Removing a line removes the command."""

from typing import Any

import click
from click.core import ParameterSource

from tm_tui import __version__
from tm_tui.cli.lazy import Lazy, LazyGroup

__all__ = ["COMMANDS", "engine_commands"]

COMMANDS = {
    "status": Lazy("tm_tui.cli.status:status", "Show how the servers stand, and since when."),
    "test": Lazy("tm_tui.cli.probe:test", "Test the connection to both servers, step by step."),
    "config": Lazy("tm_tui.cli.config:config", "Show and change the settings, look back, take back."),
    "trust": Lazy("tm_tui.cli.trust:trust", "Show authorities and host keys; approve and forget host keys."),
    "logs": Lazy("tm_tui.cli.logs:logs", "Take in events, send them now, show what waits."),
    "pattern": Lazy("tm_tui.cli.pattern:pattern", "Custom patterns: list, look for new ones, deploy."),
    "report": Lazy("tm_tui.cli.report:report", "List and show the reports of TMSP."),
    "case": Lazy("tm_tui.cli.case:case", "Submit files for analysis, follow and cancel what was submitted."),
    "explain": Lazy("tm_tui.cli.explain:explain", "Say what a failure code means and what to do."),
    "diagnostics": Lazy(
        "tm_tui.cli.diagnostics:diagnostics", "Make the bundle for support, without secrets."
    ),
    "activity": Lazy("tm_tui.cli.activity:activity", "Show what the agent did of late."),
    "identity": Lazy(
        "tm_tui.cli.identity:identity", "Show the appliance's identity; a copy of a machine gets its own."
    ),
    "agent": Lazy("tm_tui.cli.agent:agent", "Run the agent in the foreground."),
    "portal": Lazy("tm_tui.cli.portal:portal", "Run a reference portal, for labs and tests."),
    "demo": Lazy("tm_tui.cli.demo:demo", "Show portal, agent and console at work in a temporary home."),
    "completion": Lazy("tm_tui.cli.completion:completion", "Print the completion script of a shell."),
}

_EXIT_CODES = "Exit codes: 0 done, 1 it failed, 2 wrong use, 3 no agent."


def engine_commands(default: click.Command | None = None) -> click.Group:
    """Make the group of all commands; `default` is one more, which runs when none is named.

    Its options may then stand without its name: `tm-tui --ascii`.
    """

    def without_command(context: click.Context, **options: Any) -> int | None:
        if context.invoked_subcommand is not None:
            _refuse_options(context, options)
            return None
        code: int | None = context.invoke(default, **options) if default is not None else None
        return code

    group = LazyGroup(
        "tm-tui",
        lazy=COMMANDS,
        callback=click.pass_context(without_command),
        params=list(default.params) if default is not None else None,
        invoke_without_command=default is not None,
        no_args_is_help=default is None,
        help="Register a Threat Mitigator appliance with the Threat Management Services Portal.",
        epilog=_EXIT_CODES,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    if default is not None:
        group.add_command(default)
    return click.version_option(__version__, prog_name="tm-tui")(group)


def _refuse_options(context: click.Context, options: dict[str, Any]) -> None:
    """An option before a command is no option of that command. Raises UsageError."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name in options:
            name, command = parameter.opts[-1], context.invoked_subcommand
            raise click.UsageError(f"{name} belongs to the console; options of {command} stand behind it.")
