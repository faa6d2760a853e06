"""One frozen picture of the agent, made when somebody looks: ages are true at that moment."""

import os
from datetime import datetime

from tm_tui import __version__
from tm_tui.api.agent import (
    AgentStatus,
    LogServerStatus,
    RollbackInfo,
    ServerState,
    SessionEntry,
    SpoolStatus,
    StatusServerStatus,
    TrialEnd,
    TrialInfo,
)
from tm_tui.api.cases import CasesStatus
from tm_tui.api.past import LastDay
from tm_tui.api.patterns import PatternsStatus
from tm_tui.api.reports import ReportsStatus
from tm_tui.api.spool import KindInfo
from tm_tui.settings.store import Revision
from tm_tui.spool.store import SpoolSnapshot

__all__ = ["disabled_alerts", "overall", "snapshot", "spool_status"]

_WORST_FIRST = (
    ServerState.DISABLED,
    ServerState.UNREGISTERED,
    ServerState.FAILING,
    ServerState.CONNECTING,
    ServerState.CONNECTED,
)


def overall(*states: ServerState) -> ServerState:
    """The worst of the servers' states: one lamp must not be green while a server is out of reach."""
    return min(states, key=_WORST_FIRST.index)


def snapshot(
    revision: Revision,
    *,
    appliance: str,
    uptime_seconds: float,
    taken_at: datetime,
    status_server: StatusServerStatus,
    log_server: LogServerStatus,
    spool: SpoolStatus,
    patterns: PatternsStatus,
    reports: ReportsStatus,
    cases: CasesStatus,
    last_day: LastDay,
    alerts: tuple[str, ...],
    trial: TrialInfo | None = None,
    trial_ended: TrialEnd | None = None,
    rollback: RollbackInfo | None = None,
    sessions: tuple[SessionEntry, ...] = (),
) -> AgentStatus:
    """Put the parts together."""
    tmsp = revision.settings.tmsp
    if tmsp.enabled and status_server.removed_at is not None:  # by the portal, and not switched off here
        log_server = LogServerStatus(**{**log_server.fields(), "state": ServerState.UNREGISTERED})
    return AgentStatus(
        state=overall(status_server.state, log_server.state),
        revision=revision.number,
        version=__version__,
        pid=os.getpid(),
        uptime_seconds=round(uptime_seconds, 3),
        taken_at=taken_at,
        appliance=appliance,
        edition=tmsp.edition,
        status_server=status_server,
        log_server=log_server,
        spool=spool,
        trial=trial,
        trial_ended=trial_ended,
        rollback=rollback,
        sessions=sessions,
        patterns=patterns,
        reports=reports,
        cases=cases,
        last_day=last_day,
        alerts=(*alerts, *_about_off(revision, status_server)),
    )


def spool_status(seen: SpoolSnapshot) -> SpoolStatus:
    """Show what waits."""
    kinds = tuple(
        KindInfo(kind=kind, events=one.events, bytes=one.bytes, batches=one.batches)
        for kind, one in seen.kinds.items()
    )
    return SpoolStatus(
        events=seen.events,
        bytes=seen.bytes,
        oldest_age_seconds=seen.oldest_age_seconds,
        full_percent=seen.full_percent,
        limit_bytes=seen.limit_bytes,
        limit_age_seconds=seen.limit_age_seconds,
        kinds=kinds,
    )


def _about_off(revision: Revision, server: StatusServerStatus) -> tuple[str, ...]:
    """Say what it means that sending is off, as far as something was ever sent."""
    tmsp = revision.settings.tmsp
    was_on = server.switched_off_at is not None or server.registered_at is not None
    return disabled_alerts(tmsp.edition) if was_on and not tmsp.enabled else ()


def disabled_alerts(edition: str) -> tuple[str, ...]:
    """What it means that sending to TMSP is switched off."""
    if edition == "on-premise":
        how = "unregister it on the portal's Registered Products screen"
    else:
        how = "ask your support representative to unregister it"
    return (
        "Sending to TMSP is switched off: logs are not sent, and custom patterns are not downloaded.",
        "TMSP's reports hold no data of this appliance.",
        f"Heartbeats are not sent either: a portal that has it registered misses them; {how}.",
    )
