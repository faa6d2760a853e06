"""What travels about a case between appliance and status server (docs/protocol.md, "Cases")."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tm_tui.text import SafeText
from tm_tui.values import Moment

__all__ = [
    "CASES_PATH",
    "CHUNK_TYPE",
    "MOST_CASES",
    "TUS_VERSION",
    "CaseStatus",
    "CaseTold",
    "CasesReply",
    "read_metadata",
    "written_metadata",
]

CASES_PATH = "/v1/cases/"
MOST_CASES = 250
"""In one list."""
TUS_VERSION = "1.0.0"
CHUNK_TYPE = "application/offset+octet-stream"

CaseStatus = Literal["new-case-received", "administrator-notified", "sample-downloaded"]

_KEY = re.compile(r"[!-+\--~]+")
"""ASCII without space and comma (tus 1.0, "Upload-Metadata")."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class CaseTold(_Body):
    """What the status server says of one case. `upload` is the last part of the upload's address."""

    upload: SafeText
    case_id: SafeText
    status: CaseStatus
    received_at: Moment
    updated_at: Moment
    endpoint: SafeText = ""
    pattern_id: SafeText = ""


class CasesReply(_Body):
    """GET /v1/cases: the newest cases of an appliance, at most 250."""

    server_time: Moment
    cases: tuple[CaseTold, ...] = Field(default=(), max_length=MOST_CASES)


def written_metadata(values: Mapping[str, str]) -> str:
    """Write an Upload-Metadata header: pairs of a key and base64 of UTF-8."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def read_metadata(header: str) -> dict[str, str]:
    """Read an Upload-Metadata header; what is no UTF-8 is replaced. Raises ValueError for a wrong form."""
    found: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise ValueError(key)
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace")
        except binascii.Error:
            raise ValueError(key) from None
    return found
