"""What both ways of delivery promise, and which of them it is."""

from typing import Literal, Protocol, Self

from tm_tui.delivery.delivered import Sent
from tm_tui.link.types import Link

__all__ = ["Carrier", "carrier_for"]


class Carrier(Protocol):
    """One session with a log server, as an async context manager. Closing never waits long."""

    async def __aenter__(self) -> Self:
        """Open the session, or leave that to the first delivery. Raises LinkFailure."""
        ...

    async def __aexit__(self, *reason: object) -> None:
        """Close; after a failure at once."""
        ...

    async def deliver(self, name: str, data: bytes, sent: Sent, *, again: bool) -> None:
        """Put a batch under its name; when this returns the server has all of it.

        `again`: an earlier attempt may have come through. Raises LinkFailure.
        """
        ...


def carrier_for(link: Link, protocol: Literal["ssh", "ssl"], appliance: str) -> Carrier:
    """The way of delivery that the settings name; asyncssh is imported for SSH only."""
    if protocol == "ssh":
        from tm_tui.delivery.ssh import SshCarrier

        return SshCarrier(link, appliance)
    from tm_tui.delivery.ssl import SslCarrier

    return SslCarrier(link, appliance)
