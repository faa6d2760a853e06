"""What the link tests share: a link to a port of this machine, and what was observed on the way."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from servers.limits import PATIENT
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.types import Credentials, Endpoint, Limits, Link, Proxy


def credentials(username: str, password: str) -> Credentials:
    """Credentials from plain text."""
    return Credentials(username, SecretStr(password))


def proxy(kind: str, port: int, who: Credentials | None = None, host: str = "127.0.0.1") -> Proxy:
    """A proxy on this machine."""
    return Proxy(kind, Endpoint(host, port), who)  # type: ignore[arg-type]


@dataclass
class Ways:
    """Makes links that trust one CA and one file of host keys, and keeps what their observer is told."""

    ca_pem: str | None
    host_keys: HostKeys
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def trust(self) -> Trust:
        """Whom these links believe."""
        return Trust(self.ca_pem, self.host_keys)

    def to(
        self,
        port: int,
        who: Credentials | None = None,
        via: Proxy | None = None,
        *,
        host: str = "127.0.0.1",
        limits: Limits | None = None,
    ) -> Link:
        """A link to a port of this machine."""
        return Link(Endpoint(host, port), who, via, self.trust, limits or PATIENT)

    def observe(self, stage: str, outcome: str, detail: object) -> None:
        """Keep what the observer is told."""
        self.seen.append((stage, outcome, str(detail)))

    def passed(self) -> list[str]:
        """The stages that passed, in order."""
        return [stage for stage, outcome, _ in self.seen if outcome == "passed"]


@contextlib.contextmanager
def fails(code: str, stage: str) -> Iterator[pytest.ExceptionInfo[LinkFailure]]:
    """Expect a LinkFailure of this code and stage, with whole sentences that carry no control characters."""
    with pytest.raises(LinkFailure) as caught:
        yield caught
    found = caught.value
    assert (found.code, found.stage) == (code, stage), str(found)
    for text in (found.cause, found.remedy):
        assert text.isprintable()
        assert text[0].isupper() or text[0].isdigit() or text[0] == "["
        assert text.rstrip()[-1] in ".)"


def empty_host_keys(folder: Path) -> HostKeys:
    """A file of host keys that does not exist yet."""
    return HostKeys(folder / "config" / "host_keys")


def open_handles() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
