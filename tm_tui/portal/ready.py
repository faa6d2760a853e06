"""What a portal says once it is ready: one line for people and scripts."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tm_tui.portal.home import PortalHome

__all__ = ["LogServerAddress", "Ready", "StatusServerAddress", "password_files"]


class LogServerAddress(BaseModel):
    """Where the log server listens."""

    model_config = ConfigDict(frozen=True)
    host: str
    https_port: int | None
    ssh_port: int | None
    """None where another process has this role."""


class StatusServerAddress(BaseModel):
    """Where the status server listens."""

    model_config = ConfigDict(frozen=True)
    host: str
    port: int | None


class Ready(BaseModel):
    """The line that a portal prints when it is ready (docs/protocol.md, "The reference portal")."""

    model_config = ConfigDict(frozen=True)
    ready: bool = True
    log_server: LogServerAddress
    status_server: StatusServerAddress
    ca_file: str | None
    """None with a certificate of one's own: its authority is none of the portal's."""
    ssh_host_key: str
    username: str
    password_file: str | None
    """None once the operator has set a password of his own: it is written nowhere."""
    operator: str
    operator_password_file: str | None
    """None as for `password_file`."""


def password_files(home: PortalHome) -> tuple[str | None, str | None]:
    """Where the passwords lie that the first start made, as far as they count: appliances', operator's."""
    return _told(home.password_file_of("appliance")), _told(home.password_file_of("operator"))


def _told(path: Path) -> str | None:
    return str(path) if path.exists() else None
