"""What goes out: some things that began or ended, as one message, in the form of each way."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tm_tui.spoken import count, local_time, span
from tm_tui.text import SafeText
from tm_tui.values import Moment

__all__ = ["KINDS", "Item", "Kind", "Message", "a_test"]

Kind = Literal["silent", "queue-full", "clone", "certificate", "test"]
KINDS: tuple[Kind, ...] = ("silent", "queue-full", "clone", "certificate", "test")

_BEGAN: dict[Kind, tuple[str, str]] = {
    "silent": ("is silent", "are silent"),
    "queue-full": ("has a full queue", "have a full queue"),
    "clone": ("exists twice", "exist twice"),
    "certificate": ("expires soon", "expire soon"),
    "test": ("is only tried", "are only tried"),
}
_ENDED: dict[Kind, tuple[str, str]] = {
    "silent": ("is back", "are back"),
    "queue-full": ("has a queue in order again", "have a queue in order again"),
    "clone": ("exists once again", "exist once again"),
    "certificate": ("was renewed", "were renewed"),
    "test": ("is over", "are over"),
}
_MOST_LINES = 500


class Item(BaseModel):
    """One thing that began, or ended. `subject` is an appliance, or the certificate."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind
    state: Literal["began", "ended"]
    subject: SafeText
    since: Moment
    ended: Moment | None = None
    detail: SafeText = ""

    @property
    def words(self) -> str:
        """One sentence."""
        said = (_BEGAN if self.state == "began" else _ENDED)[self.kind][0]
        about = f" ({self.detail})" if self.detail else ""
        if self.ended is None:
            return f"{self.subject} {said} since {local_time(self.since)}{about}."
        lasted = span((self.ended - self.since).total_seconds())
        return f"{self.subject} {said} since {local_time(self.ended)}, after {lasted}{about}."


class Message(BaseModel):
    """What goes out at once. `number` is the same however often it is tried: a receiver can tell repeats."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: str
    at: Moment
    portal: SafeText
    items: tuple[Item, ...]

    @property
    def subject(self) -> str:
        """One line that says the most."""
        parts = [text for kind in KINDS for state in ("began", "ended") if (text := self._of(kind, state))]
        return ", ".join(parts)

    def _of(self, kind: Kind, state: str) -> str:
        found = [item for item in self.items if (item.kind, item.state) == (kind, state)]
        one, several = (_BEGAN if state == "began" else _ENDED)[kind]
        if not found:
            return ""
        return f"{found[0].subject} {one}" if len(found) == 1 else f"{len(found)} appliances {several}"

    @property
    def text(self) -> str:
        """All of it in lines, the most recent trouble first; very many are counted at the end."""
        items = sorted(
            self.items, key=lambda item: (item.state != "began", KINDS.index(item.kind), item.subject)
        )
        lines = [item.words for item in items[:_MOST_LINES]]
        if len(items) > _MOST_LINES:
            lines.append(f"And {count(len(items) - _MOST_LINES, 'further one')}.")
        return "\n".join([*lines, "", f"Threat Management Services Portal {self.portal}"])

    def as_json(self) -> dict[str, object]:
        """For a webhook; docs/portal-alerts.md has its members. `text` is what chat programs show."""
        told = self.model_dump(mode="json", exclude={"items"})
        items = [
            {**item.model_dump(mode="json", exclude_none=True), "words": item.words} for item in self.items
        ]
        return {"version": 1, **told, "subject": self.subject, "items": items, "text": self.text}


def a_test(portal: str, now: datetime, number: str) -> Message:
    """What `tm-tui portal alert test` sends."""
    at = now.astimezone(UTC)
    item = Item(kind="test", state="began", subject="This alert", since=at, detail="tm-tui portal alert test")
    return Message(number=number, at=at, portal=portal, items=(item,))
