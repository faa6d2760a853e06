"""A case in words, the same on the screen and in commands."""

from collections.abc import Iterator

from tm_tui.api.cases import CaseInfo
from tm_tui.spoken import count, local_time, size

__all__ = ["CASE_STATUS", "case_lines", "going"]

CASE_STATUS = {
    "new-case-received": "new case received",
    "administrator-notified": "administrator notified",
    "sample-downloaded": "sample downloaded",
}
"""What the portal says of a case that it has."""


def going(case: CaseInfo) -> str:
    """How a case goes on, in one line for those who handed it in."""
    if case.state == "submitted":
        told = ", ".join(one for one in (case.case_id, CASE_STATUS.get(case.status or "", "")) if one)
        return f"Case {case.number} is at the portal{f': {told}' if told else ''}."
    failure = f": {case.last_failure.code}" if case.last_failure is not None else ""
    words = {
        "packing": "is being packed, and goes to TMSP by itself",
        "waiting": f"waits for another try{failure}" if failure else "is packed, and goes to TMSP by itself",
        "sending": "goes to TMSP",
        "cancelled": "is cancelled",
        "failed": f"FAILED{failure}",
    }
    return f"Case {case.number} {words[case.state]}."


def case_lines(case: CaseInfo, most: int | None = None) -> Iterator[str]:
    """All that is known of a case, one line for each thing; of paths and notes at most `most`."""
    yield f"{case.case_id or 'No Case ID yet'}, {CASE_STATUS.get(case.status or '', case.state)}"
    yield f"Submitted {local_time(case.created_at)} by {case.submitted_by}"
    yield f"Endpoint: {case.endpoint}"
    told = {"Threat": case.threat, "Description": case.description, "Pattern": case.pattern_id}
    yield from (f"{label}: {words}" for label, words in told.items() if words)
    packed = f", packed {size(case.packed_bytes)}" if case.packed_bytes else ""
    yield f"{count(case.files, 'file')}, {size(case.bytes)}{packed}"
    yield from _few([f"  {source}" for source in case.sources], most)
    yield from _few([f"! {note}" for note in case.notes], most, case.notes_more)
    if case.last_failure is not None and case.state != "submitted":
        failure = case.last_failure
        yield f"! {failure.code}: {failure.cause} {failure.remedy}"


def _few(lines: list[str], most: int | None, untold: int = 0) -> Iterator[str]:
    """The first ones, and how many there are beside them."""
    yield from lines[:most]
    more = untold + (0 if most is None else max(0, len(lines) - most))
    if more:
        yield f"  and {more} more"
