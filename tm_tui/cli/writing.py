"""Where an answer goes: standard output, or a file that others never see half written."""

import secrets
from pathlib import Path

import click

from tm_tui.atomic import put_new, storage_failure

__all__ = ["tell", "write_whole"]


def tell(text: str, output: Path | None, mode: int = 0o644) -> None:
    """Print, or write a file that readers of `mode` may read. Raises StorageFailed."""
    if output is None:
        click.echo(text, nl=False)
    else:
        write_whole(output, text.encode(), mode)


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Put a file in place at once, over an older one too. Raises StorageFailed."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        put_new(new, data, mode=mode)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise storage_failure(path, error) from None
