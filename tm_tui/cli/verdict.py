"""The check in the manner of Nagios plugins: the worst that holds, in a line with performance data."""

from collections.abc import Iterator

from tm_tui.api.agent import AgentStatus, ServerState
from tm_tui.spoken import ago, count

__all__ = ["UNKNOWN", "check_line", "checked", "verdict"]

_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_OK, _WARNING, _CRITICAL, UNKNOWN = range(4)
_BY_STATE = {
    ServerState.CONNECTED: _OK,
    ServerState.CONNECTING: _WARNING,
    ServerState.DISABLED: _WARNING,
    ServerState.UNREGISTERED: _CRITICAL,
    ServerState.FAILING: _CRITICAL,
}
_FILLING, _FULL = 70, 95


def check_line(code: int, words: str) -> str:
    """The line that a monitor reads."""
    return f"TM-TUI {_WORDS[code]} - {words}"


def checked(status: AgentStatus) -> tuple[int, str]:
    """Exit code and line of a check that could be made."""
    code, words = verdict(status)
    return code, check_line(code, words)


def verdict(status: AgentStatus) -> tuple[int, str]:
    """The worst that holds, in words and with performance data."""
    spool = status.spool
    filled = _CRITICAL if spool.full_percent >= _FULL else _WARNING if spool.full_percent >= _FILLING else _OK
    code = max(_BY_STATE[status.state], filled, _WARNING if status.alerts else _OK)
    beat = f"last beat {ago(status.status_server.last_beat_age_seconds)}"
    parts = [status.state, *_failures(status), beat, f"{count(spool.events, 'event')} waiting"]
    if status.alerts:
        parts.append(count(len(status.alerts), "alert"))
    return code, f"{', '.join(parts)} | {' '.join(_performance(status))}"


def _failures(status: AgentStatus) -> Iterator[str]:
    for name, server in (("status server", status.status_server), ("log server", status.log_server)):
        if server.last_failure and server.state is not ServerState.CONNECTED:
            yield f"{name} {server.last_failure.code}"


def _performance(status: AgentStatus) -> Iterator[str]:
    """Label=value[unit];warning;critical;minimum;maximum (Monitoring Plugins guidelines, 2.6)."""
    beats, spool = status.status_server, status.spool
    if beats.last_beat_age_seconds is not None:
        yield f"beat_age={beats.last_beat_age_seconds:.1f}s;;;0"
    if beats.round_trip_ms is not None:
        yield f"round_trip={beats.round_trip_ms:.1f}ms;;;0"
    yield f"beats_missed={beats.beats_missed}c;;;0"
    yield f"spool_events={spool.events};;;0"
    yield f"spool_bytes={spool.bytes}B;;;0"
    yield f"spool_full={spool.full_percent}%;{_FILLING};{_FULL};0;100"
