"""The Log Queue page: what waits for the log server, how sending stands, and Send now."""

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from screens.desk.ages import age, span
from screens.desk.keys import key_for
from screens.desk.seen import Seen
from screens.widgets.block import Block
from screens.widgets.button import Button
from screens.widgets.page import Page, beside
from screens.widgets.rows import doubt_rows, failure_rows, next_in, row, snapshot, state_word, when
from tm_tui.api.agent import AgentStatus, LogServerStatus, ServerState
from tm_tui.api.spool import KindInfo, ProgressInfo
from tm_tui.spoken import bar, count, size

__all__ = ["LogQueuePage", "progress_bar"]

_BAR = 10
_KINDS = {"threat-event": "  Threats", "root-cause": "  Root causes"}


class LogQueuePage(Page):
    """It shows the snapshot, and is there as soon as it is highlighted."""

    DEFAULT_CSS = beside(__file__)
    HELP = "log_queue"
    ACTIONS = frozenset({"send"})

    def __init__(self) -> None:
        super().__init__()
        self._view = Block(classes="view")
        key = key_for("send")
        self._send = Button(f"{key.label} now {key.name}", key.action)

    def compose(self) -> ComposeResult:
        """One text, and the button."""
        yield self._view
        yield self._send

    def told_role(self, *, read_only: bool) -> None:
        """Readers get no button."""
        self._send.display = not read_only

    def first(self) -> Widget | None:
        """The button."""
        return self._send if self._send.display else None

    def told_status(self, seen: Seen, now: float) -> None:
        """Show the snapshot as of now."""
        self._view.show(snapshot(seen, now, _lines))


def _lines(seen: Seen, status: AgentStatus, now: float) -> Iterator[Content]:
    yield from doubt_rows(seen, now)
    spool, server = status.spool, status.log_server
    yield row("Waiting", count(spool.events, "event"))
    for kind in spool.kinds:
        yield row(_KINDS.get(kind.kind, f"  {kind.kind}"), _of_kind(kind))
    oldest = seen.aged(spool.oldest_age_seconds, now)
    most = f", {span(spool.limit_age_seconds)} at most" if spool.limit_age_seconds else ""
    yield row("Oldest", f"{age(oldest)}{most}" if oldest is not None else "none waits")
    limit = f" of {size(spool.limit_bytes)}" if spool.limit_bytes else ""
    yield row("On disk", f"{size(spool.bytes)}{limit}, {spool.full_percent} % full")
    yield Content("")
    yield row("Log server", state_word(seen, server.state, now))
    yield row("  Sending", _sending(seen, server))
    yield row("  Last sent", when(server.last_delivery_at, seen.aged(server.last_delivery_age_seconds, now)))
    yield row("  Next", _next(seen, server, now))
    yield from failure_rows(server.last_failure)


def _of_kind(kind: KindInfo) -> str:
    sealed = f", {count(kind.batches, 'sealed batch')}" if kind.batches else ""
    return f"{kind.events:,}{sealed}"


def _sending(seen: Seen, server: LogServerStatus) -> str:
    if seen.stale:
        return "unknown"
    if server.delivery == "sending" and server.progress is not None:
        return progress_bar(server.progress)
    words = {
        "sending": "begins",
        "retrying": "failed, tried again soon",
        "paused": "PAUSED",
        "disabled": "switched off",
    }
    if server.delivery == "disabled" and server.state is ServerState.UNREGISTERED:
        return "stopped: this appliance was removed at the portal"
    return words.get(server.delivery, "not now")


def _next(seen: Seen, server: LogServerStatus, now: float) -> str:
    if server.delivery == "paused" and not seen.stale:
        return "when you send now, or save other settings; else within the hour"
    if server.delivery == "disabled" and not seen.stale:
        removed = server.state is ServerState.UNREGISTERED
        return f"none: events wait until {'the settings are saved' if removed else 'sending is switched on'}"
    return (
        "now"
        if server.delivery == "sending" and not seen.stale
        else next_in(seen, server.next_delivery_in_seconds, now)
    )


def progress_bar(progress: ProgressInfo) -> str:
    """`[#####.....] 3 / 9 batches`; the bar goes by bytes, as a batch may take its time."""
    done = bar(progress.bytes_done, progress.bytes, _BAR)
    return f"{done} {progress.batches_done:,} / {count(progress.batches, 'batch')}"
