"""One case as the appliance keeps it: what was chosen, what was packed, where it is, what became of it."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from tm_tui.cases.protocol import CaseStatus
from tm_tui.text import SafeText, path_of
from tm_tui.values import Count, Moment

__all__ = ["MOST_NOTES", "Record", "State"]

State = Literal["packing", "waiting", "submitted", "cancelled", "failed"]

MOST_NOTES = 20


class Record(BaseModel):
    """The state on the disk. `cancelled` with a location: the server has to be told yet."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    number: int = Field(ge=1)
    key: str
    """The appliance's own name for it: a repeated creation finds the first upload."""
    state: State = "packing"
    created_at: Moment
    submitted_by: SafeText
    sources: tuple[str, ...]
    inbox: bool = False
    """Whether what was packed leaves the inbox: all of it, or the files that `sources` name there."""
    form: Literal["tar.zst", "zip"] = "tar.zst"
    endpoint: SafeText
    threat: SafeText = ""
    description: SafeText = ""
    files: Count = 0
    bytes: Count = 0
    packed_bytes: Count = 0
    sha256: SafeText = ""
    notes: tuple[SafeText, ...] = ()
    notes_more: Count = 0
    server: str = ""
    """`host:port` of the status server that `location` is at."""
    location: str = ""
    case_id: SafeText = ""
    status: CaseStatus | None = None
    received_at: Moment | None = None
    updated_at: Moment | None = None
    pattern_id: SafeText = ""
    cause: SafeText = ""
    remedy: SafeText = ""

    def changed(self, **changes: Any) -> Self:
        """The same with other values, checked like any."""
        return type(self).model_validate({**self.model_dump(), **changes})

    @property
    def paths(self) -> tuple[Path, ...]:
        """What was chosen."""
        return tuple(path_of(source) for source in self.sources)

    @property
    def upload(self) -> str:
        """The last part of its address at the server."""
        return self.location.rstrip("/").rpartition("/")[2]

    @property
    def open(self) -> bool:
        """Whether something is left to do for it here."""
        return self.state in {"packing", "waiting"} or (self.state == "cancelled" and bool(self.location))
