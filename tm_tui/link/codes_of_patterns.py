"""The failures of custom patterns between the status server and this appliance (see failures.py)."""

__all__ = ["PATTERNS"]

_REISSUE = "Ask your support provider to issue the pattern again. What is here already stays in use."
_SOMEONE = "Someone may stand between, or the portal was restored from a backup: ask your support provider."

PATTERNS: dict[str, tuple[str, str]] = {
    "pattern-root-missing": (
        "The server {target} registered this appliance and named no keys that patterns can be verified by.",
        "Nothing to do here: this portal issues no custom patterns, or it must be updated.",
    ),
    "pattern-root-changed": (
        "The server {target} names other keys for its patterns than the ones this appliance trusts.",
        (
            "Do not go on before your support provider confirms that the portal was set up anew. Then run "
            "`tm-tui pattern forget-root`."
        ),
    ),
    "pattern-signature": (
        "A list of patterns from {target} is not signed by the keys that this appliance trusts.",
        f"Nothing of it was taken. {_SOMEONE}",
    ),
    "pattern-old": (
        "The server {target} offers an older list of patterns than the one this appliance has seen already.",
        f"Nothing of it was taken. {_SOMEONE}",
    ),
    "pattern-expired": (
        "The list of patterns at {target} has expired: nobody vouches that it is still the newest.",
        (
            "Check the appliance's date and time. If they are right, the portal does not renew its list: "
            "tell your support provider."
        ),
    ),
    "pattern-mixed": (
        "The parts of the list of patterns at {target} do not belong together.",
        (
            "It is tried again by itself; the portal may just be changing. If it stays, tell your support "
            "provider."
        ),
    ),
    "pattern-list-unreadable": (
        "The list of patterns at {target} is not of the expected form.",
        "Tell your support provider: the portal's patterns are damaged, or this is another kind of server.",
    ),
    "pattern-absent": (
        "The server {target} lacks a file that belongs to its patterns.",
        "It is tried again by itself. If it stays, tell your support provider.",
    ),
    "pattern-damaged": (
        "A pattern from {target} is not the one that was signed: its length or its hash is another.",
        _REISSUE,
    ),
    "pattern-too-large": (
        "The server {target} sent more than was announced, or announced more than a pattern may have.",
        _REISSUE,
    ),
    "pattern-too-slow": (
        "The server {target} sends a pattern so slowly that it would never end.",
        "It is tried again by itself. Check the line, and the download limit on the TMSP screen.",
    ),
    "pattern-unusable": (
        "The server {target} offers a pattern without a usable number, type, version or description.",
        _REISSUE,
    ),
}
