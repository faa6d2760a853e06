"""Passwords that go along with a command: where the agent wants one typed again for another target."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from tm_tui.api.agent import ProblemInfo
from tm_tui.api.client import ControlClient
from tm_tui.api.failures import ControlRefused
from tm_tui.api.requests import SecretChanges
from tm_tui.cli.asking import ask
from tm_tui.cli.reading import read_password
from tm_tui.errors import PasswordAgain, Problem
from tm_tui.settings.fields import label_of
from tm_tui.settings.plain import SECRET_NAMES

__all__ = ["ask_with", "given_passwords", "secret_option"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def secret_option(command: F) -> F:
    """Give a command `--secret`."""
    option = click.option(
        "--secret",
        "secrets",
        type=click.Choice(SECRET_NAMES),
        multiple=True,
        help="Give this password with it: asked for on a terminal, else a line of standard input each.",
    )
    return option(command)


def given_passwords(names: tuple[str, ...], file: Any = None) -> SecretChanges:
    """Read the passwords that `--secret` names, in its order. Raises click.UsageError, TmError, click.Abort.

    `file` is one that the command reads besides.
    """
    piped = file is not None and getattr(file, "name", "-") in {"-", "<stdin>"}
    if names and piped and not _somebody_types():
        raise click.UsageError("--secret reads standard input: give the settings as a file with a name.")
    return SecretChanges(**{name: read_password(f"Password ({name}): ") for name in dict.fromkeys(names)})


def ask_with(secrets: SecretChanges, question: Callable[[ControlClient, SecretChanges], Awaitable[T]]) -> T:
    """Ask the agent. When it wants passwords again and somebody sits there: have them typed, and ask anew.

    Raises TmError: PasswordAgain, with the way to give them, when nobody does.
    """
    try:
        return ask(lambda client: question(client, secrets))
    except ControlRefused as refused:
        if refused.refusal.code != "password-again":
            raise
        wanted = [problem for problem in refused.refusal.problems if problem.field.endswith(".password")]
        if not _somebody_types():
            raise PasswordAgain(tuple(_with_option(each) for each in wanted)) from None
    for problem in wanted:
        click.echo(f"{label_of(problem.field)}: {problem.cause} {problem.remedy}", err=True)
    names = tuple(problem.field.removesuffix(".password") for problem in wanted)
    again = given_passwords(names).by_name()
    typed = {name: again[name] or secret for name, secret in secrets.by_name().items()}
    return ask(lambda client: question(client, SecretChanges(**typed)))


def _somebody_types() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _with_option(problem: ProblemInfo) -> Problem:
    """The same, with the way of a script."""
    option = f"--secret {problem.field.removesuffix('.password')}"
    remedy = f"Give it again: {option} asks for it, or reads a line of standard input."
    return Problem(problem.field, problem.cause, remedy)
