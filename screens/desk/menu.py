"""The menu as data: what exists, and where it stands.

Each entry's screen is imported when it is opened. Take an entry out together with its screen's file: one that
leads nowhere ends the start with its name.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from screens.desk.forms import keys_of

if TYPE_CHECKING:
    from screens.widgets.page import Page
    from tm_tui.api.agent import AgentStatus

__all__ = ["ENTRIES", "Entry", "beside", "counts", "entries", "rows"]


class Entry(NamedTuple):
    """One screen: `group` is its heading, `name` its word in the menu, `title` the long one."""

    name: str
    title: str
    about: str
    module: str
    page: str
    group: str = ""
    form: str = ""
    """The settings that it edits, as their declarations name the screen."""
    commands: tuple[str, ...] = ()
    """The commands of `tm-tui` that do the same in plain lines; the first shows what there is."""

    badge: str = ""
    """What of the snapshot is counted behind its name, such as `reports.unread`."""
    see_also: tuple[str, ...] = ()
    """The names of the entries to which its help leads, the next step first; nine at most."""

    @property
    def path(self) -> str:
        """`Services > Proxy Settings`."""
        return f"{self.group} > {self.title}" if self.group else self.title

    def edits(self) -> tuple[str, ...]:
        """The settings that its form has, in its order."""
        return keys_of(self.form)

    def load(self) -> "type[Page]":
        """Import the screen."""
        page: type[Page] = getattr(import_module(self.module), self.page)
        return page


ENTRIES = (
    Entry(
        "Status",
        "Status",
        "How this appliance stands with TMSP.",
        "screens.pages.status",
        "StatusPage",
        commands=("status",),
        see_also=("TMSP", "Log Queue", "Activity", "Diagnostics"),
    ),
    Entry(
        "TMSP",
        "Threat Management Services Portal",
        "Registration of this appliance to TMSP: servers, credentials, intervals.",
        "screens.pages.tmsp",
        "TmspPage",
        "Services",
        "tmsp",
        see_also=("Proxy Settings", "Server Identity", "Submit a Case", "Pattern Deploy", "Status"),
    ),
    Entry(
        "Proxy Settings",
        "Proxy Settings",
        "The proxy between this appliance and TMSP, for log server and status server.",
        "screens.pages.proxy",
        "ProxyPage",
        "Services",
        "proxy",
        see_also=("TMSP", "Status"),
    ),
    Entry(
        "Submit a Case",
        "Submit a Case",
        "Send files to TMSP for analysis, and see what became of them.",
        "screens.pages.cases",
        "CasesPage",
        "Services",
        commands=("case list", "case show", "case submit", "case cancel", "case send"),
        see_also=("Pattern Deploy", "Reports", "TMSP"),
    ),
    Entry(
        "Pattern Deploy",
        "Pattern Deployment and Custom Cleanup",
        "Custom patterns of TMSP, the endpoints that need one, their deployment, and cleanup by them.",
        "screens.pages.patterns",
        "PatternsPage",
        "Services",
        "patterns",
        badge="patterns.new",
        commands=("pattern list", "pattern check", "pattern deploy", "pattern cleanup"),
        see_also=("Submit a Case", "Log Queue", "TMSP"),
    ),
    Entry(
        "Reports",
        "Reports",
        "What TMSP reports of the logs that this appliance sent.",
        "screens.pages.reports",
        "ReportsPage",
        "Services",
        badge="reports.unread",
        commands=("report list", "report show"),
        see_also=("Submit a Case", "Pattern Deploy", "TMSP"),
    ),
    Entry(
        "Log Queue",
        "Log Queue",
        "What waits for the log server, and how sending stands.",
        "screens.pages.log_queue",
        "LogQueuePage",
        "Logs",
        commands=("logs list", "logs send"),
        see_also=("Queue Limits", "TMSP", "Activity"),
    ),
    Entry(
        "Queue Limits",
        "Log Queue Limits",
        "How much may wait for the log server, and for how long.",
        "screens.pages.log_limits",
        "LogLimitsPage",
        "Logs",
        "spool",
        see_also=("Log Queue", "TMSP"),
    ),
    Entry(
        "Activity",
        "Activity",
        "What the agent did of late.",
        "screens.pages.activity",
        "ActivityPage",
        "Logs",
        commands=("activity",),
        see_also=("Status", "Change History", "Diagnostics"),
    ),
    Entry(
        "Server Identity",
        "Server Identity",
        "Whom this appliance believes: the CA file and the SSH host keys that were approved.",
        "screens.pages.identity",
        "IdentityPage",
        "System",
        "trust",
        commands=("trust show", "trust approve", "trust forget"),
        see_also=("TMSP", "Change History"),
    ),
    Entry(
        "Change History",
        "Change History",
        "What was saved, by whom, when and why; what changed; the way back.",
        "screens.pages.history",
        "HistoryPage",
        "System",
        commands=("config history", "config diff", "config rollback", "config confirm"),
        see_also=("Console", "TMSP", "Activity"),
    ),
    Entry(
        "Sessions",
        "Sessions",
        "The consoles that are on, and what is edited there.",
        "screens.pages.sessions",
        "SessionsPage",
        "System",
        commands=("status",),
        see_also=("Console", "Activity"),
    ),
    Entry(
        "Console",
        "Console",
        "When an unattended console logs out, and how long a trial lasts.",
        "screens.pages.console",
        "ConsolePage",
        "System",
        "console",
        see_also=("Sessions", "Change History"),
    ),
    Entry(
        "Diagnostics",
        "Diagnostics",
        "How this appliance stands in a few lines, to read out on the phone or to copy.",
        "screens.pages.diagnostics",
        "DiagnosticsPage",
        "System",
        commands=("diagnostics --text", "explain", "diagnostics --print", "diagnostics --case"),
        see_also=("Submit a Case", "Status", "Activity"),
    ),
    Entry(
        "About",
        "About",
        "Versions and places.",
        "screens.pages.about",
        "AboutPage",
        "System",
        commands=("status",),
        see_also=("Status", "Diagnostics"),
    ),
)


def entries() -> tuple[Entry, ...]:
    """All entries. Raises ModuleNotFoundError, in words, for one whose screen is not there."""
    for entry in ENTRIES:
        if find_spec(entry.module) is None:
            told = f"screens/desk/menu.py leads {entry.name!r} to {entry.module}, which is not there."
            raise ModuleNotFoundError(told, name=entry.module)
    return ENTRIES


def beside(entry: Entry) -> tuple[Entry, ...]:
    """The entries to which the help of one leads, in the order in which it names them."""
    there = {one.name: one for one in entries()}
    return tuple(there[name] for name in entry.see_also if name in there)


def counts(of: tuple[Entry, ...], status: "AgentStatus | None") -> dict[str, int]:
    """The numbers that show behind names; none while no snapshot is new."""
    if status is None:
        return {}
    found = ((entry.name, int(attrgetter(entry.badge)(status))) for entry in of if entry.badge)
    return {name: number for name, number in found if number}


def rows(of: tuple[Entry, ...]) -> Iterator[Entry | str]:
    """The menu's rows: entries, with each group's heading before its first."""
    group = ""
    for entry in of:
        if entry.group and entry.group != group:
            yield entry.group
        group = entry.group
        yield entry
