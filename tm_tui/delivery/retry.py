"""What to do after a failed delivery: everything is tried again for ever, but not always soon."""

import random
from dataclasses import dataclass, field

from tm_tui.link.failures import LinkFailure

__all__ = ["Backoff", "concerns_one_batch", "is_too_large"]

_FIRST, _LONGEST, _LONGEST_ASKED = 1.0, 300.0, 3600.0
_OF_ONE_BATCH = {"http-too-large", "http-refused", "http-conflict", "remote-file-failed"}


@dataclass(slots=True)
class Backoff:
    """Full jitter: a random wait below a bound that doubles from 1 s to 5 min, or what the server asked."""

    chance: random.Random = field(default_factory=random.SystemRandom)
    _failures: int = 0

    def reset(self) -> None:
        """Something came through."""
        self._failures = 0

    def seconds(self, retry_after: float | None) -> float:
        """Seconds to wait after one more failure."""
        bound = min(_LONGEST, _FIRST * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(self.chance.uniform(0, bound), min(retry_after or 0.0, _LONGEST_ASKED))


def is_too_large(failure: LinkFailure) -> bool:
    """Whether a smaller batch may be taken (HTTP 413)."""
    return failure.code == "http-too-large"


def concerns_one_batch(failure: LinkFailure) -> bool:
    """Whether the server refuses this batch, while another kind of log may still go."""
    return failure.code in _OF_ONE_BATCH
