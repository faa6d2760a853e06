"""The commands of `tm-tui`. Nothing heavy is imported before a command is known to need it."""

__all__ = ["main"]


def main() -> None:
    """Run the engine's commands, without the console: `python -m tm_tui.cli`."""
    from tm_tui.cli.commands import engine_commands
    from tm_tui.cli.running import run

    run(engine_commands())
