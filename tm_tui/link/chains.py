"""What servers showed of themselves in TLS, of late: kept for the admin's eyes, never for a decision.

One for the process: an agent has one appliance, and who opens a connection is too far down to be handed it.
"""

import ssl
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from tm_tui.link.types import Endpoint
from tm_tui.settings.authorities import read_certificate

__all__ = ["SEEN", "Chain", "Chains", "chain_of", "told_anchor"]

_MOST = 20


@dataclass(frozen=True, slots=True)
class Chain:
    """The certificates (DER) of one server, its own first, as they were verified at `at`."""

    endpoint: Endpoint
    certificates: tuple[bytes, ...]
    at: datetime


class Chains:
    """The newest chain of each server; the oldest of too many are forgotten."""

    def __init__(self) -> None:
        self._chains: OrderedDict[Endpoint, Chain] = OrderedDict()

    def saw(self, endpoint: Endpoint, certificates: Sequence[bytes]) -> None:
        """Remember what this server showed just now."""
        self._chains[endpoint] = Chain(endpoint, tuple(certificates), datetime.now(UTC))
        self._chains.move_to_end(endpoint)
        while len(self._chains) > _MOST:
            self._chains.popitem(last=False)

    def of(self, endpoint: Endpoint) -> Chain | None:
        """What this server showed last."""
        return self._chains.get(endpoint)


SEEN = Chains()


def chain_of(tls: ssl.SSLObject) -> list[bytes]:
    """The verified chain. Python names it from 3.13 on; before, its own object has it; else only the leaf."""
    whole = getattr(tls, "get_verified_chain", None)
    if whole is not None:
        return list(whole())
    inner = cast("Any", getattr(tls, "_sslobj", None))
    try:
        return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_verified_chain()]
    except AttributeError:
        leaf = tls.getpeercert(binary_form=True)
        return [leaf] if leaf else []


def told_anchor(chain: Sequence[bytes]) -> str:
    """Say by whom a chain that ends below a root is trusted: only the admin's CA file can do that."""
    if len(chain) < 2:
        return ""
    last = read_certificate(chain[-1])
    return (
        "" if last.self_issued else f", trusted by an intermediate authority of the CA file, {last.subject}"
    )
