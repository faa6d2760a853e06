"""Tables to take away as CSV (RFC 4180), safe to open in a spreadsheet."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence

from starlette.responses import StreamingResponse

__all__ = ["PIECE", "as_csv", "lines"]

PIECE = 500
"""Rows that are read, written and sent at once, so that no table is ever whole in memory."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: object) -> str:
    """A spreadsheet takes what begins so for a formula; a quote before it says that it is text."""
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as text. Costs time for many: call it where the rows are read."""
    file = io.StringIO()
    csv.writer(file).writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def as_csv(name: str, head: Sequence[str], pieces: AsyncIterator[str]) -> StreamingResponse:
    """A file of this name: the head, then pieces of `lines`. Where a piece cannot be read, it is cut off."""

    async def whole() -> AsyncIterator[str]:
        yield lines([head])
        async for piece in pieces:
            yield piece

    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(whole(), media_type="text/csv; charset=utf-8", headers=headers)
