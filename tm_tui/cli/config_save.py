"""`tm-tui config set`, `apply` and `secret`: each makes one revision on top of the one it saw, or none."""

from typing import IO, Any

import click
from pydantic import SecretStr

from tm_tui.api.agent import SettingsDocument
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.cli.again import ask_with, given_passwords, secret_option
from tm_tui.cli.asking import ask
from tm_tui.cli.config_show import complete_pair
from tm_tui.cli.config_trial import trial_of, trial_options
from tm_tui.cli.output import emit, json_option, note_option, show
from tm_tui.cli.probe import probe
from tm_tui.cli.reading import field_of, read_password, read_settings
from tm_tui.settings.fields import following_ports, label_of
from tm_tui.settings.plain import flat, with_value

__all__ = ["apply", "secret", "set_", "tell_saved"]


def tell_saved(
    before: SettingsDocument, after: SettingsDocument, *, as_json: bool, trial: bool = False
) -> None:
    """Print the new revision and what it changed."""
    if as_json:
        emit(after.plain())
        return
    old, new = _flat(before), _flat(after)
    show([f"Saved as revision {after.revision}."])
    if trial:
        keeps = "the servers' answers or `tm-tui config confirm` keep it"
        show([f"On trial: {keeps}, else revision {before.revision} comes back."])
    show(
        f"  {label_of(key)}: {_shown(old.get(key))} -> {_shown(new[key])}"
        for key in new
        if old.get(key) != new[key]
    )


def _flat(document: SettingsDocument) -> dict[str, Any]:
    passwords = {f"{name}.password": name in document.secrets_set for name in ("tmsp", "proxy")}
    return flat(document.settings) | {key: "set" if there else "" for key, there in passwords.items()}


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "-"


def _pairs(arguments: tuple[str, ...]) -> list[tuple[str, str]]:
    if len(arguments) % 2:
        raise click.UsageError(f"The value of {arguments[-1]!r} is missing: give KEY VALUE pairs.")
    pairs = list(zip(arguments[::2], arguments[1::2], strict=True))
    for key, _ in pairs:
        if field_of(key).kind == "secret":
            name = key.split(".")[0]
            raise click.UsageError(f"A password does not go on the command line: use `config secret {name}`.")
    return pairs


@click.command("set")
@click.argument("pairs", metavar="KEY VALUE...", nargs=-1, required=True, shell_complete=complete_pair)
@secret_option
@trial_options
@note_option
@json_option
def set_(
    *,
    pairs: tuple[str, ...],
    secrets: tuple[str, ...],
    note: str,
    trial: bool,
    minutes: int | None,
    as_json: bool,
) -> None:
    """Change settings: KEY VALUE, as often as needed, all together or none.

    A port that is the usual one of its protocol follows when the protocol is changed. A saved password goes
    only where it was typed for: with another server, CA file or proxy it is asked for again.
    """
    wanted = _pairs(pairs)
    on_trial = trial_of(trial=trial, minutes=minutes)

    async def change(
        client: ControlClient, passwords: SecretChanges
    ) -> tuple[SettingsDocument, SettingsDocument]:
        before = await client.settings()
        settings: dict[str, Any] = before.settings
        for key, value in wanted:
            settings = with_value(settings, key, value)
        settings = following_ports(before.settings, settings, {key for key, _ in wanted})
        request = SaveRequest(settings=settings, secrets=passwords, note=note, trial=on_trial)
        return before, await client.save(request, before.revision)

    tell_saved(*ask_with(given_passwords(secrets), change), as_json=as_json, trial=trial)


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--test", "tested", is_flag=True, help="Test the connection first; save only if that passes.")
@secret_option
@trial_options
@note_option
@json_option
def apply(
    *,
    file: IO[bytes],
    tested: bool,
    secrets: tuple[str, ...],
    note: str,
    trial: bool,
    minutes: int | None,
    as_json: bool,
) -> int:
    """Replace all settings by those of FILE, a settings.toml (-: standard input). Passwords stay.

    Where these go to another server, or through another proxy or CA file, they are asked for again.
    """
    settings = read_settings(file).plain()
    given = given_passwords(secrets, file)
    on_trial = trial_of(trial=trial, minutes=minutes)

    async def change(
        client: ControlClient, passwords: SecretChanges
    ) -> tuple[SettingsDocument, SettingsDocument] | None:
        before = await client.settings()
        if tested and not (await probe(client, settings, passwords, as_json=as_json)).passed:
            return None
        request = SaveRequest(settings=settings, secrets=passwords, note=note, trial=on_trial)
        return before, await client.save(request, before.revision)

    saved = ask_with(given, change)
    if saved is None:
        if not as_json:
            click.echo("Nothing was saved.", err=True)
        return 1
    tell_saved(*saved, as_json=as_json, trial=trial)
    return 0


@click.command()
@click.argument("name", type=click.Choice(["tmsp", "proxy"]))
@click.option("--remove", is_flag=True, help="Remove the password that is set.")
@note_option
@json_option
def secret(*, name: str, remove: bool, note: str, as_json: bool) -> None:
    """Set a password: asked for on a terminal, else read from standard input up to a newline."""
    password = SecretStr("") if remove else read_password(f"New password ({name}): ")

    async def change(client: ControlClient) -> tuple[SettingsDocument, SettingsDocument]:
        before = await client.settings()
        secrets = SecretChanges(
            tmsp=password if name == "tmsp" else None, proxy=password if name == "proxy" else None
        )
        request = SaveRequest(settings=before.settings, secrets=secrets, note=note)
        return before, await client.save(request, before.revision)

    tell_saved(*ask(change), as_json=as_json)
