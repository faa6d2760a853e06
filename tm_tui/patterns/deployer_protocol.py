"""The interface to the appliance's mitigation engine: a command, JSON in, one JSON result a line out.

docs/deployer.md is its specification. The command is named by a file that only the appliance's integrator
can write, never over the control socket: whoever may change settings must not be able to run programs.
"""

import os
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tm_tui.atomic import opened, read_all
from tm_tui.errors import TmError
from tm_tui.spool.events import Status
from tm_tui.text import SafeText, safe_text

__all__ = ["Deployer", "DeployerFailure", "DeployerLine", "deployer_in", "line_of"]

_FILE = "deployer.toml"
_MOST_BYTES = 64 << 10
_Argument = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]


class DeployerFailure(TmError):
    """The deployer cannot be used, or did not do what it should. `code` is a heading of docs/deployer.md."""

    def __init__(self, code: str, cause: str, remedy: str) -> None:
        super().__init__(cause, remedy)
        self.code = code


class Deployer(BaseModel):
    """config/deployer.toml. Times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    argv: Annotated[tuple[_Argument, ...], Field(min_length=1, max_length=64)]
    seconds: Annotated[float, Field(ge=1, le=3600)] = 300.0
    """How long one endpoint may take; then the command is killed."""
    retry_seconds: Annotated[float, Field(ge=0.1, le=600)] = 30.0
    """Before the first retry; each further one waits twice as long, ten minutes at most."""
    give_up_seconds: Annotated[float, Field(ge=1, le=86400)] = 3600.0
    """How long after the deployment began an endpoint is still tried."""
    at_once: Annotated[int, Field(ge=1, le=100)] = 20
    """Endpoints that one run of the command is given."""


class DeployerLine(BaseModel):
    """One result, as the command prints it. `cleanup` is the mitigation status after a deployment or cleanup.

    `done` is the word for a cleanup that was run; `deployed` counts for it too.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: Annotated[str, Field(max_length=64)]
    outcome: Literal["deployed", "done", "failed", "unreachable"]
    cleanup: Status | None = None
    detail: SafeText = ""


@dataclass(frozen=True, slots=True)
class _Found:
    owner: int
    mode: int
    data: bytes


def deployer_in(config: Path) -> Deployer:
    """Read config/deployer.toml. Raises DeployerFailure: deployer-missing, deployer-unusable."""
    path = config / _FILE
    shown = safe_text(str(path))
    try:
        found = _read(path)
    except FileNotFoundError:
        remedy = "The appliance's integrator names its mitigation engine there: see docs/deployer.md."
        raise DeployerFailure("deployer-missing", f"There is no {shown}.", remedy) from None
    except OSError as error:
        raise _unusable(f"{shown} cannot be read: {error.strerror}.") from None
    if found.owner not in {0, os.geteuid()} or found.mode & 0o022:
        raise _unusable(f"Others than root and the agent's user may change {shown}.")
    try:
        deployer = Deployer.model_validate(tomllib.loads(found.data.decode()))
    except (ValueError, ValidationError, RecursionError):
        raise _unusable(f"{shown} is not of the expected form.") from None
    if not Path(deployer.argv[0]).is_absolute():
        raise _unusable(f"{shown} names a command without its whole path.")
    return deployer


def _read(path: Path) -> _Found:
    with opened(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK) as descriptor:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise OSError(0, "it is no small regular file")
        return _Found(status.st_uid, status.st_mode, read_all(descriptor, _MOST_BYTES))


def _unusable(cause: str) -> DeployerFailure:
    return DeployerFailure("deployer-unusable", cause, "See docs/deployer.md, and correct it.")


def line_of(raw: bytes) -> DeployerLine | None:
    """Read a line of the command's output; None if it is no result."""
    try:
        return DeployerLine.model_validate_json(raw)
    except ValidationError:
        return None
