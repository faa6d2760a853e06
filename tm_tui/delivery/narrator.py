"""Write the log of deliveries: a line for each sending, one for each new failure, one when it is over."""

from logging import Logger

from tm_tui.delivery.status import DeliveryStatus
from tm_tui.spoken import count

__all__ = ["Narrator"]


class Narrator:
    """Told of each change, it writes what is new."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._batches = self._events = 0
        self._failure: tuple[str, str] | None = None

    def tell(self, seen: DeliveryStatus) -> bool:
        """Write what is new in `seen`; True if logs were delivered since the sending before."""
        if seen.state == "sending":
            return False
        delivered = seen.delivered_batches > self._batches
        if delivered:
            events, batches = seen.delivered_events - self._events, seen.delivered_batches - self._batches
            self._log.info("Delivered %s in %s.", count(events, "event"), count(batches, "batch"))
            self._batches, self._events = seen.delivered_batches, seen.delivered_events
        failure = seen.last_failure
        found = None if failure is None else (failure.code, seen.state)
        if failure is not None and found != self._failure:
            again = "Sending is paused." if seen.state == "paused" else "They wait and are sent again."
            self._log.warning(
                "Logs were not delivered (%s). %s %s %s",
                failure.code,
                failure.cause,
                failure.remedy,
                again,
                extra={"tm_code": failure.code},
            )
        elif failure is None and self._failure is not None:
            self._log.info("Logs are delivered again.")
        self._failure = found
        return delivered
