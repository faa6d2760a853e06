"""The Server Identity page: the CA file as a field, the approved host keys, what the servers showed.

Certificates stand in lines that two people can compare.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Focus
from textual.geometry import Offset
from textual.widget import Widget

from screens.desk.ages import clock_time
from screens.desk.desk import Question
from screens.desk.draft import Draft
from screens.desk.messages import ForAgent
from screens.flows.host_keys import forget
from screens.widgets.block import Block
from screens.widgets.form import FormPage
from screens.widgets.page import beside
from tm_tui.api.agent import CertificateInfo, HostKeyInfo, ServerIdentity, TrustDocument
from tm_tui.spoken import count

if TYPE_CHECKING:
    from screens.desk.desk import Desk

__all__ = ["HostKeyRow", "IdentityPage", "ServerRow", "certificate_lines", "chain_lines", "verified"]

_HALF = 48
"""Characters of a SHA-256 in pairs of digits that stand on one line: sixteen pairs."""
_MOST = 8
"""How many authorities of the CA file are shown: a file of the system's own has over a hundred."""
_NAMES = {"log_server": "Log server", "status_server": "Status server"}


def verified(server: "ServerIdentity") -> str:
    """How a server is verified, in a few words."""
    if server.verified_by == "ssh":
        return "by its SSH host key"
    if server.seen_at is None:
        return "by TLS, not seen yet"
    return f"by TLS, {count(len(server.chain), 'certificate')} (Enter)"


def chain_lines(server: "ServerIdentity") -> list[str]:
    """Each certificate, the server's own first; who issued it stands below it."""
    if server.verified_by == "ssh":
        return ["This server is verified by its SSH host key, which stands among the approved ones."]
    if server.seen_at is None:
        return [
            "No TLS connection to this server was verified since the agent began.",
            "A connection test (F3 on the TMSP form) makes one, or says what is wrong.",
        ]
    lines = [f"Verified at {clock_time(server.seen_at)}:"]
    for certificate in server.chain:
        lines += certificate_lines(certificate)
    return [*lines, f"issued by {server.chain[-1].issuer}"] if server.chain else lines


def certificate_lines(certificate: "CertificateInfo") -> Iterator[str]:
    """Whose it is, until when, and the whole fingerprint, in groups as it is read out."""
    yield certificate.subject
    if certificate.not_before is None or certificate.not_after is None:
        yield "  SHA-256"
    else:
        yield f"  valid from {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}, SHA-256"
    yield f"  {certificate.sha256[:_HALF].rstrip(':')}"
    yield f"  {certificate.sha256[_HALF:]}"


class HostKeyRow(Widget, can_focus=True):
    """One approved key; Delete or Enter asks to forget it."""

    DEFAULT_CSS = "HostKeyRow { height: 2; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("delete,enter,ctrl+d", "forget", show=False)]

    def __init__(self, key: HostKeyInfo, reply: Callable[[TrustDocument], Awaitable[None]]) -> None:
        super().__init__(markup=False)
        self._key = key
        self._reply = reply

    def render(self) -> Content:
        """Endpoint and algorithm, then the fingerprint."""
        mark = ">" if self.has_focus else " "
        return Content.assemble(
            mark, f"{self._key.endpoint}  {self._key.algorithm}\n   {self._key.fingerprint}"
        )

    def on_focus(self, _: Focus) -> None:
        """Show the marker."""
        self.refresh()

    def on_blur(self, _: Blur) -> None:
        """Show it plain."""
        self.refresh()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(1, 0)

    def action_forget(self) -> None:
        """Ask for it."""
        self.post_message(ForAgent(self._forget, "trust", changes=True))

    async def _forget(self, desk: "Desk") -> None:
        """Show what is left, if it was meant."""
        if await forget(desk, self._key.endpoint):
            await self._reply(await desk.agent.trust())


class ServerRow(Widget, can_focus=True):
    """One server; Enter shows the certificates by which it was verified."""

    DEFAULT_CSS = "ServerRow { height: 1; text-wrap: nowrap; text-overflow: clip; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "look", show=False)]

    def __init__(self, server: ServerIdentity) -> None:
        super().__init__(markup=False)
        self._server = server

    def render(self) -> Content:
        """Which one, and how it is verified."""
        mark = ">" if self.has_focus else " "
        return Content.assemble(mark, f"{_NAMES[self._server.server]}: {verified(self._server)}")

    def on_focus(self, _: Focus) -> None:
        """Show the marker."""
        self.refresh()

    def on_blur(self, _: Blur) -> None:
        """Show it plain."""
        self.refresh()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(1, 0)

    def action_look(self) -> None:
        """Show the chain."""
        self.post_message(ForAgent(self._look, "chain"))

    async def _look(self, desk: "Desk") -> None:
        title = f"{_NAMES[self._server.server]} {self._server.endpoint}"
        await desk.ask(Question(title, chain_lines(self._server), [("close", "Close")]))


class IdentityPage(FormPage):
    """The field is saved as all are; host keys are approved in the test and forgotten here, at once."""

    DEFAULT_CSS = beside(__file__)
    HELP = "identity"
    FORM = "trust"

    def __init__(self) -> None:
        super().__init__()
        self._authorities = Block(classes="authorities")
        self._keys_title = Block(classes="authorities")
        self._change = Block(classes="authorities")
        self._told_of = -1

    def extra(self) -> Iterable[Widget]:
        """Authorities and keys, filled when the agent has told them."""
        return (self._authorities, self._change, self._keys_title)

    def told_draft(self, draft: Draft) -> None:
        """Say what saving the field would change."""
        super().told_draft(draft)
        if draft.base.revision != self._told_of and self._told_of >= 0:
            self.post_message(ForAgent(self._ask_trust, "trust"))  # saved: other authorities count now
        self._told_of = draft.base.revision
        self._change.display = "trust.ca_file" in draft.changed()
        path = draft.value("trust.ca_file")
        words = (
            f"Saving reads {path} and trusts its authorities in place of these. Servers are verified anew."
            if path
            else "Saving removes these authorities: only those of the system count then."
        )
        self._change.show(Content(f" {words}"))

    def enter(self) -> None:
        """Ask for the newest each time."""
        super().enter()
        self.post_message(ForAgent(self._ask_trust, "trust"))

    async def _ask_trust(self, desk: "Desk") -> None:
        await self.told_trust(await desk.agent.trust())

    async def told_trust(self, trust: TrustDocument) -> None:
        """Show whom the agent trusts."""
        lines = [line for one in trust.authorities[:_MOST] for line in certificate_lines(one)]
        if more := trust.authorities[_MOST:]:
            lines.append(f"... and {len(more)} more; `tm-tui trust show` lists all.")
        lines = lines or ["No authorities beside the system's."]
        self._authorities.show(Content("\n".join(f"   {line}" for line in lines)))
        words = (
            "Approved SSH host keys (Delete forgets one):"
            if trust.host_keys
            else "No SSH host key is approved yet."
        )
        lines = [words, *(f"! {one.words}" for one in trust.unreadable[:_MOST])]
        self._keys_title.show(Content("\n".join(f" {line}" for line in lines)))
        await self.query(HostKeyRow).remove()
        await self.query(ServerRow).remove()
        rows = [HostKeyRow(key, self.told_trust) for key in trust.host_keys]
        await self.mount_all([*rows, *map(ServerRow, trust.servers)], after=self._keys_title)
