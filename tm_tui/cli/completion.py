"""`tm-tui completion`: the script that teaches a shell our commands, options and keys."""

import click
from click.shell_completion import get_completion_class

from tm_tui.cli.output import emit, json_option

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
@click.pass_context
def completion(context: click.Context, /, *, shell: str, as_json: bool) -> None:
    """Print the completion script. For bash: `source <(tm-tui completion bash)`."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  the choices above are click's own shells
    script = kind(context.find_root().command, {}, "tm-tui", "_TM_TUI_COMPLETE").source()
    if as_json:
        emit({"shell": shell, "script": script})
    else:
        click.echo(script)
