"""`tm-tui config show`, `get` and `schema`: what is set, and what could be."""

from collections.abc import Iterator

import click
import tomli_w
from click.shell_completion import CompletionItem

from tm_tui.api.agent import SettingsDocument
from tm_tui.cli.asking import ask
from tm_tui.cli.output import emit, json_option, show
from tm_tui.cli.reading import field_of
from tm_tui.settings.fields import FIELDS, FieldSpec
from tm_tui.settings.model import Settings
from tm_tui.settings.plain import default_port, value_of
from tm_tui.spoken import utc_time

__all__ = ["complete_key", "complete_pair", "get", "schema", "show_settings"]


def complete_key(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the key of a setting in the shell."""
    return [spec.key for spec in FIELDS if spec.key.startswith(incomplete)]


def complete_pair(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete KEY VALUE pairs in the shell: keys that can be set, then what the key before can be."""
    words: tuple[str, ...] = context.params.get(parameter.name or "") or ()
    if len(words) % 2 == 0:
        given = words[::2]
        keys = (spec.key for spec in FIELDS if spec.kind != "secret" and spec.key not in given)
        return [CompletionItem(key) for key in keys if key.startswith(incomplete)]
    found = next((spec for spec in FIELDS if spec.key == words[-1]), None)
    if found is None:
        return []
    if found.key.endswith("_file"):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(value) for value in _values(found) if value.startswith(incomplete)]


def _values(spec: FieldSpec) -> list[str]:
    """The values that a field can have, if they can be listed; the usual ones of a number."""
    if spec.kind == "switch":
        return ["true", "false"]
    if spec.kind == "number":
        ports = {"tmsp.log_server.port": ("ssh", "ssl"), "proxy.port": ("http", "socks5")}
        return [str(default_port(protocol)) for protocol in ports.get(spec.key, ())] or [str(spec.default)]
    return [value for value, _ in spec.choices]


@click.command("show")
@json_option
def show_settings(*, as_json: bool) -> None:
    """Print the settings in force, in the form that `config apply` takes. Passwords are never shown."""
    document = ask(lambda client: client.settings())
    if as_json:
        emit(document.plain())
        return
    show([_heading(document), ""])
    click.echo(tomli_w.dumps(document.settings), nl=False)


def _heading(document: SettingsDocument) -> str:
    passwords = ", ".join(document.secrets_set) or "none"
    when = (
        f", saved by {document.saved_by} at {utc_time(document.saved_at, '%Y-%m-%d %H:%M:%S %Z')}"
        if document.saved_at
        else ""
    )
    return f"# Revision {document.revision}{when}. Passwords that are set: {passwords}."


@click.command()
@click.argument("key", shell_complete=complete_key)
@json_option
def get(*, key: str, as_json: bool) -> None:
    """Print the setting KEY, such as tmsp.log_server.host. Of a password: whether it is set."""
    spec = field_of(key)
    document = ask(lambda client: client.settings())
    if spec.kind == "secret":
        value: object = "set" if key.partition(".")[0] in document.secrets_set else "not set"
    else:
        value = value_of(document.settings, key)
    if as_json:
        emit({"key": key, "value": value, "revision": document.revision})
    else:
        click.echo(str(value).lower() if isinstance(value, bool) else value)


@click.command()
@json_option
def schema(*, as_json: bool) -> None:
    """Explain every setting: its key, possible values, default and meaning. With --json: a JSON Schema."""
    if as_json:
        emit(Settings.model_json_schema())
        return
    for spec in FIELDS:
        show(_explained(spec))


def _explained(spec: FieldSpec) -> Iterator[str]:
    yield spec.key
    yield f"    {spec.help}"
    if spec.kind == "secret":
        yield f"    Set it with `tm-tui config secret {spec.key.partition('.')[0]}`."
        return
    values = {"switch": "true, false", "number": "a whole number", "text": "text"}
    possible = values.get(spec.kind) or ", ".join(value for value, _ in spec.choices)
    default = str(spec.default).lower() if isinstance(spec.default, bool) else spec.default
    yield f"    Values: {possible}. Default: {'empty' if default == '' else default}."
