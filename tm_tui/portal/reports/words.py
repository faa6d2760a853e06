"""Words for what events say, and what an admin should do about it: by event type, status and threat."""

from collections.abc import Iterator, Sequence

from sqlalchemy import RowMapping

from tm_tui.portal.reports.markdown import bold, code, plain
from tm_tui.spool.events import Severity

__all__ = ["actions", "behaviours", "event_type", "severity_order", "source", "status"]

_TYPES = {
    "security-risk-log-detection": "Detection from security risk logs",
    "on-demand-scan-by-user": "On-demand scan by a user",
    "on-demand-scan-by-administrator": "On-demand scan by an administrator",
    "scan-after-installation": "Scan after installation",
    "custom-pattern-deployment": "Custom pattern deployment",
    "post-assessment-cleanup": "Post-assessment cleanup",
    "forensic-data-collection": "Forensic data collection",
    "threat-discovery-appliance-event": "Event reported by a threat discovery appliance",
}
_SOURCES = {
    "threat-discovery-appliance": "Threat discovery appliance",
    "tmsp": "TMSP",
    "security-risk-logs": "Security risk logs",
    "on-demand-scan": "On-demand scan",
}
_STATUSES = {
    "in-progress": "In progress",
    "no-mitigation": "No mitigation",
    "cleaned": "Cleaned",
    "scanned": "Scanned",
    "assessed": "Assessed",
    "unsuccessful": "Unsuccessful",
    "rollback-successful": "Rollback successful",
    "rollback-unsuccessful": "Rollback unsuccessful",
    "resolved-by-threat-mitigator": "Resolved by Threat Mitigator",
    "resolved-by-security-software": "Resolved by security software",
    "resolved-no-longer-exists": "Resolved: the threat no longer exists",
    "resolved-potentially": "Potentially resolved",
    "manual-cleanup-needed": "Manual cleanup needed",
    "exception": "Left alone as an exception",
}
_SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")

_BY_STATUS = {
    "in-progress": "Wait for the end of the mitigation under way; look again if it is not over in a day.",
    "no-mitigation": "Nothing was done about the threat yet: start the cleanup of this endpoint.",
    "unsuccessful": "The cleanup failed: submit a case with the endpoint's forensic data, so that a custom"
    " pattern can be made.",
    "rollback-unsuccessful": "Neither cleanup nor its rollback worked: restore this endpoint from a backup"
    " or set it up anew.",
    "rollback-successful": "The cleanup was taken back, so the threat may be there still: submit a case.",
    "manual-cleanup-needed": "Clean this endpoint by hand; the chain of events names what to remove.",
    "resolved-potentially": "Scan this endpoint once more: the threat is only potentially gone.",
    "assessed": "Decide about the cleanup: the endpoint was assessed, not cleaned.",
    "scanned": "Decide about the cleanup: the endpoint was scanned, not cleaned.",
    "exception": "Check whether the exception still holds: the threat was left alone on purpose.",
}
_DONE = "The mitigation is done: watch this endpoint for a week, and scan it once more."
_BY_TYPE = {
    "threat-discovery-appliance-event": "Look at the network traffic of this endpoint since the first step"
    " of the chain: a threat discovery appliance noticed it.",
    "on-demand-scan-by-user": "Ask the user of this endpoint what made him start the scan.",
    "scan-after-installation": "Check the image or the installation medium of this endpoint: the threat was"
    " there when it was set up.",
    "custom-pattern-deployment": "Look up which custom pattern was deployed, and whether it has a successor.",
    "post-assessment-cleanup": "Compare the result of the cleanup with its assessment.",
    "forensic-data-collection": "Submit the forensic data that was collected as a case.",
}
_BEHAVIOURS = (
    ("Fetches from or talks to the network", ("connect", "download", "upload", "send", "resolv", "request")),
    ("Puts files on the disk", ("creat", "wrote", "write", "drop", "cop", "sav", "extract", "renam")),
    ("Starts programs", ("start", "execut", "launch", "spawn", "run", "ran", "load", "inject")),
    ("Sees to it that it starts again", ("regist", "schedul", "install", "autorun", "persist", "servic")),
    ("Removes or alters what is there", ("delet", "remov", "encrypt", "modif", "alter", "chang", "disabl")),
    ("Arrives from outside", ("open", "receiv", "insert", "mount", "visit", "brows", "click")),
)


def event_type(word: str) -> str:
    """An event type in words; one that is not known is shown as it is."""
    return _TYPES.get(word) or plain(word)


def source(word: str) -> str:
    """A source in words."""
    return _SOURCES.get(word) or plain(word)


def status(word: str) -> str:
    """A status in words."""
    return _STATUSES.get(word) or plain(word)


def severity_order(word: str) -> int:
    """Critical first."""
    return _SEVERITIES.index(word) if word in _SEVERITIES else len(_SEVERITIES)


def behaviours(steps: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """What the actors of a chain did, (actor, action, object) each, by the kind of behaviour."""
    left = list(dict.fromkeys(steps))
    for words, stems in _BEHAVIOURS:
        found = [step for step in left if any(stem in step[1].casefold() for stem in stems)]
        if found:
            yield f"- **{words}:** {_told(found)}"
            left = [step for step in left if step not in found]
    if left:
        yield f"- **Otherwise:** {_told(left)}"


def _told(steps: Sequence[tuple[str, str, str]]) -> str:
    said = [f"{plain(actor)} {plain(action)} {code(thing)}" for actor, action, thing in steps[:8]]
    more = f"; and {len(steps) - 8} more" if len(steps) > 8 else ""
    return "; ".join(said) + more


def actions(event: RowMapping, others: Sequence[str], hashes: Sequence[str]) -> Iterator[str]:
    """What to do now about a threat event, the most urgent first.

    `others` are endpoints with the same threat, `hashes` those of files on the way to the infection.
    """
    done = event["status"] == "cleaned" or event["status"].startswith("resolved-by")
    if event["severity"] in {"critical", "high"} and not done:
        yield "Take this endpoint off the network until it is clean."
    yield _BY_STATUS.get(event["status"], _DONE)
    if event["event_type"] in _BY_TYPE:
        yield _BY_TYPE[event["event_type"]]
    if others:
        more = " and others" if len(others) > 5 else ""
        names = ", ".join(bold(name) for name in others[:5])
        yield f"Look at {names}{more} too: {plain(event['threat'])} was found there within a week."
    if hashes:
        yield f"Block these files by their hash: {', '.join(code(one) for one in hashes[:5])}."
    if event["severity"] == "critical":
        yield "Change the passwords that were used on this endpoint since the first step of the chain."
