"""Which servers a trial waits for, those whose way it changed, and which of them have answered since."""

from collections.abc import Callable
from dataclasses import dataclass

from tm_tui.settings.revision import Revision

__all__ = ["LOG_SERVER", "STATUS_SERVER", "Answers", "Waiting", "changed_ways"]

STATUS_SERVER, LOG_SERVER = "status server", "log server"


@dataclass(slots=True)
class Waiting:
    """A trial waits for `servers`; so many beats had been accepted when it began, or when it last failed."""

    servers: tuple[str, ...]
    beats: int


@dataclass(frozen=True, slots=True)
class Answers:
    """`beats` counts accepted ones; `log_server` says whether it took something under these settings."""

    beats: Callable[[], int]
    log_server: Callable[[], bool]

    def waiting(self, old: Revision | None, new: Revision) -> Waiting:
        """A trial of `new` begins. Where no way was changed, a beat shows that the appliance is in reach."""
        return Waiting(changed_ways(old, new) or (STATUS_SERVER,), self.beats())

    def missing(self, waiting: Waiting) -> tuple[str, ...]:
        """Who has not answered yet."""
        said = {STATUS_SERVER: self.beats() > waiting.beats, LOG_SERVER: self.log_server()}
        return tuple(server for server in waiting.servers if not said[server])


def changed_ways(old: Revision | None, new: Revision) -> tuple[str, ...]:
    """The servers that are reached by other means than before; both when it is not known how that was."""
    before = _ways(old) if old is not None else {}
    return tuple(server for server, way in _ways(new).items() if before.get(server) != way)


def _ways(revision: Revision) -> dict[str, object]:
    """Address, port, protocol, proxy, trust and credentials of each server."""
    tmsp, proxy = revision.settings.tmsp, revision.settings.proxy
    through = (proxy, revision.secrets.proxy) if proxy.enabled else None
    shared = (tmsp.enabled, tmsp.username, revision.secrets.tmsp, through)
    logs, status = tmsp.log_server, tmsp.status_server
    by_host_key = logs.protocol == "ssh" and not (proxy.enabled and proxy.type == "https")
    trust = None if by_host_key else revision.ca_pem
    return {
        STATUS_SERVER: (shared, status.host, status.port, revision.ca_pem),
        LOG_SERVER: (shared, logs.host, logs.port, logs.protocol, trust),
    }
