"""Revisions as the control socket shows them: never a password, only which ones are set."""

from collections.abc import Iterator, Sequence
from typing import Literal

from tm_tui.api.agent import (
    CertificateInfo,
    Conflict,
    Difference,
    HostKeyInfo,
    RevisionInfo,
    ServerIdentity,
    SettingsDocument,
    TrustDocument,
)
from tm_tui.api.shapes import Unreadable
from tm_tui.errors import StorageFailed
from tm_tui.link.chains import SEEN
from tm_tui.link.host_keys import HostKey, HostKeys, KeyState
from tm_tui.link.types import Endpoint
from tm_tui.settings.authorities import Certificate, authorities_in, read_certificate
from tm_tui.settings.differences import differences
from tm_tui.settings.revision import DamagedRevision
from tm_tui.settings.store import Revision

__all__ = ["conflict_of", "differences_of", "document_of", "history_of", "trust_of"]

_MOST_WRONG = 100

Outcome = Literal["running", "confirmed", "rolled-back", "interrupted"]


def document_of(revision: Revision) -> SettingsDocument:
    """Show one revision."""
    return SettingsDocument(
        revision=revision.number,
        settings=revision.settings.plain(),
        secrets_set=tuple(sorted(revision.secrets.names())),
        saved_at=revision.saved_at,
        saved_by=revision.saved_by,
        note=revision.note,
        tty=revision.claims.tty,
        ssh_from=revision.claims.ssh_from,
    )


def entry_of(revision: Revision, outcome: Outcome | None = None) -> RevisionInfo | None:
    """Show one line of the history; None for the state before the first save."""
    if revision.saved_at is None:
        return None
    return RevisionInfo(
        revision=revision.number,
        saved_at=revision.saved_at,
        saved_by=revision.saved_by,
        note=revision.note,
        tty=revision.claims.tty,
        ssh_from=revision.claims.ssh_from,
        kind=revision.kind,
        of=revision.of,
        outcome=outcome,
        confirmed_by=revision.confirmed_by,
    )


def history_of(
    revisions: Sequence[Revision | DamagedRevision], on_trial: int | None
) -> tuple[RevisionInfo, ...]:
    """Show the history, newest first. `on_trial` is the revision whose trial goes on."""
    whole = (one for one in revisions if isinstance(one, Revision))
    taken_back = {one.number - 1 for one in whole if one.kind == "rollback"}
    shown = (
        entry_of(one, _outcome(one, on_trial, taken_back))
        if isinstance(one, Revision)
        else RevisionInfo(revision=one.number, saved_at=None, saved_by="", problem=one.cause)
        for one in revisions
    )
    return tuple(entry for entry in shown if entry is not None)


def _outcome(revision: Revision, on_trial: int | None, taken_back: set[int]) -> Outcome | None:
    """Nothing else is saved during a trial, so a rollback follows right after what it takes back."""
    if revision.kind != "trial":
        return None
    if revision.number == on_trial:
        return "running"
    if revision.number in taken_back:
        return "rolled-back"
    return "confirmed" if revision.confirmed_by else "interrupted"


def differences_of(old: Revision, new: Revision) -> tuple[Difference, ...]:
    """Show what leads from one revision to another."""
    return tuple(Difference(field=c.field, old=c.old, new=c.new) for c in differences(old, new))


def conflict_of(given: Revision | None, current: Revision) -> Conflict:
    """Show what was saved since `given`; without it (unknown or damaged), only what is in force."""
    changes = differences_of(given, current) if given is not None else ()
    return Conflict(current=document_of(current), changes=changes)


def _host_key(key: HostKey, state: KeyState) -> HostKeyInfo:
    return HostKeyInfo(
        endpoint=key.endpoint.bracketed, algorithm=key.algorithm, fingerprint=key.fingerprint, state=state
    )


def trust_of(revision: Revision, host_keys: HostKeys) -> TrustDocument:
    """Show whom the appliance trusts; of a damaged file of host keys what can be read, and what is wrong."""
    try:
        keys, wrong = host_keys.looked_through()
    except StorageFailed as problem:
        keys, wrong = (), (problem,)
    return TrustDocument(
        ca_file=revision.settings.trust.ca_file,
        authorities=tuple(map(_certificate, authorities_in(revision.ca_pem or ""))),
        host_keys=tuple(_host_key(key, "approved") for key in keys),
        servers=tuple(_identities(revision)),
        unreadable=tuple(
            Unreadable(what="Host keys", cause=f"{one.cause} {one.remedy}") for one in wrong[:_MOST_WRONG]
        ),
    )


def _identities(revision: Revision) -> Iterator[ServerIdentity]:
    logs, status = revision.settings.tmsp.log_server, revision.settings.tmsp.status_server
    if logs.host:
        by: Literal["tls", "ssh"] = "tls" if logs.protocol == "ssl" else "ssh"
        yield _identity("log_server", Endpoint(logs.host, logs.port), by)
    if status.host:
        yield _identity("status_server", Endpoint(status.host, status.port), "tls")


def _identity(
    server: Literal["log_server", "status_server"], endpoint: Endpoint, by: Literal["tls", "ssh"]
) -> ServerIdentity:
    seen = SEEN.of(endpoint) if by == "tls" else None
    found = [read_certificate(der) for der in seen.certificates] if seen is not None else []
    return ServerIdentity(
        server=server,
        endpoint=endpoint.bracketed,
        verified_by=by,
        seen_at=seen.at if seen is not None else None,
        chain=tuple(map(_certificate, found)),
    )


def _certificate(found: Certificate) -> CertificateInfo:
    return CertificateInfo(
        subject=found.subject,
        issuer=found.issuer,
        not_before=found.not_before,
        not_after=found.not_after,
        sha256=found.fingerprint,
    )
