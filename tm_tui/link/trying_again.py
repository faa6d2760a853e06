"""What each failure code means for trying again: one table, beside the codes (see failures.py).

`tm_tui/retry.py` acts on it. Nothing is given up for good: what waits for a person is tried once an hour too.
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["CODES", "DAY", "HOUR", "Meaning", "Subject", "When", "meaning_of"]

HOUR, DAY = 3600.0, 86400.0


class When(Enum):
    """When it makes sense to try again. The values are the words of docs/codes.md."""

    SOON = "soon, then less and less often"
    SLOWLY = "after minutes, then less and less often, each hour at least"
    SETTINGS = "when settings change; once an hour by itself"
    SOMEBODY = "when somebody has acted, or a beat is accepted; once an hour by itself"
    PEER = "when the server says, at most an hour later"


class Subject(Enum):
    """What is sent or fetched, one after the other."""

    BATCH = "batch"
    CASE = "case"
    PATTERN = "pattern"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means for trying again.

    `alone`: subjects of which one alone may be meant, so that the others go on. `pause`: seconds until it is
    tried though nobody has acted. `absent`: the server does not offer this at all.
    """

    when: When = When.SOON
    alone: frozenset[Subject] = frozenset()
    pause: float = HOUR
    absent: bool = False

    @property
    def pauses(self) -> bool:
        """Whether trying again by oneself does harm, or cannot help."""
        return self.when in {When.SETTINGS, When.SOMEBODY}

    @property
    def ends_with_a_beat(self) -> bool:
        """Whether an accepted beat, with the same credentials, is a reason to try again."""
        return self.when is When.SOMEBODY and self.pause <= HOUR


def _of(*alone: Subject, when: When = When.SOON) -> Meaning:
    return Meaning(when, frozenset(alone))


_SOON, _SLOWLY = Meaning(), Meaning(When.SLOWLY)
_SETTINGS, _SOMEBODY, _PEER = Meaning(When.SETTINGS), Meaning(When.SOMEBODY), Meaning(When.PEER)
_BATCH, _CASE, _PATTERN, _REPORT = Subject

_SOON_CODES = (
    "name-unknown name-no-resolver name-timeout tcp-refused tcp-timeout tcp-unreachable tcp-blocked "
    "local-resources proxy-host-unknown proxy-no-resolver proxy-refused proxy-timeout proxy-unreachable "
    "proxy-blocked proxy-closed proxy-silent proxy-not-spoken proxy-no-connect proxy-request-refused "
    "proxy-slow proxy-tls-not-spoken proxy-forbidden proxy-captive proxy-name-unknown "
    "proxy-target-refused proxy-target-unreachable proxy-target-timeout proxy-target-failed "
    "proxy-socks4-rejected proxy-socks4-no-resolver tls-expired tls-not-yet-valid tls-wrong-name "
    "tls-unknown-issuer tls-self-signed tls-weak tls-invalid tls-not-spoken tls-too-old tls-no-common "
    "tls-name-refused tls-client-certificate tls-closed tls-timeout tls-failed ssh-not-spoken "
    "ssh-no-common-algorithm ssh-closed ssh-timeout ssh-login-timeout ssh-login-closed sftp-not-offered "
    "ssh-no-session sftp-text-before sftp-ended remote-denied remote-no-folder remote-read-only "
    "http-proxy-auth http-server-error captive-portal reply-timeout reply-closed send-timeout "
    "not-registered link-failed pattern-mixed pattern-too-slow "
)
"""Most: what was down comes back, and nobody has to be there."""
_NOT_SOON: dict[str, Meaning] = {
    # A wrong password that is repeated locks the account, at a proxy too.
    "http-auth-refused": _SOMEBODY,
    "http-auth-method": _SOMEBODY,
    "http-forbidden": _SOMEBODY,
    "ssh-auth-refused": _SOMEBODY,
    "ssh-more-wanted": _SOMEBODY,
    "ssh-password-expired": _SOMEBODY,
    "proxy-auth": _SOMEBODY,
    "proxy-auth-method": _SOMEBODY,
    # Each try would leave one more upload there, and a beat says nothing of it.
    "http-foreign-address": Meaning(When.SOMEBODY, pause=DAY),
    # What is wrong stands in the settings.
    "ca-unusable": _SETTINGS,
    "proxy-credentials-length": _SETTINGS,
    "proxy-socks4-ipv6": _SETTINGS,
    "ssh-no-credentials": _SETTINGS,
    # The approval of a host key is a reason to try at once; nobody need look for it.
    "host-key-unknown": _SLOWLY,
    "host-key-changed": _SLOWLY,
    "host-key-new-type": _SLOWLY,
    "host-key-invalid": _SLOWLY,
    "host-keys-unreadable": _SLOWLY,
    # Somebody at the other end has to do something, and asking costs little.
    "ssh-password-not-offered": _SLOWLY,
    "registration-removed": _SLOWLY,
    "version-refused": _SLOWLY,
    "case-too-large": _of(_CASE, when=When.SLOWLY),
    "pattern-root-missing": _SLOWLY,
    "pattern-root-changed": _SLOWLY,
    "pattern-signature": _SLOWLY,
    "pattern-old": _SLOWLY,
    "pattern-expired": _SLOWLY,
    "pattern-list-unreadable": _SLOWLY,
    "pattern-unusable": _SLOWLY,
    "pattern-damaged": _of(_PATTERN, when=When.SLOWLY),
    "pattern-too-large": _of(_PATTERN, when=When.SLOWLY),
    "http-busy": _PEER,
    "proxy-busy": _PEER,
}
_OF_ONE: dict[str, Meaning] = {
    "case-checksum": _of(_CASE),
    "case-locked": _of(_CASE),
    "case-offset": _of(_CASE),
    "http-conflict": _of(_BATCH, _CASE),
    "http-refused": _of(_BATCH, _CASE),
    "http-too-large": _of(_BATCH),
    "remote-disk-full": _of(_CASE),
    "remote-file-failed": _of(_BATCH),
    "pattern-absent": _of(_PATTERN),
    "reply-encoded": _of(_REPORT),
    "reply-not-understood": _of(_REPORT),
    "reply-too-large": _of(_REPORT),
}
_ABSENT: dict[str, Meaning] = {
    "http-method": Meaning(absent=True),
    "http-not-found": Meaning(absent=True),
}
_TABLE: dict[str, Meaning] = {**dict.fromkeys(_SOON_CODES.split(), _SOON), **_NOT_SOON, **_OF_ONE, **_ABSENT}
CODES = frozenset(_TABLE)
"""Those that the table has: all, as a test holds."""
_OURS = _SOON
"""The own disk, a bug: what is no failure of a way."""


def meaning_of(code: str) -> Meaning:
    """What a failure's code means; one that is none of a way, such as `storage`, is tried again soon."""
    return _TABLE.get(code, _OURS)
