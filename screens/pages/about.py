"""The About page: what this is, for the one who has to tell it on the phone."""

import os
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.content import Content

from screens.desk.seen import Seen
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from screens.widgets.rows import hung
from tm_tui import __version__
from tm_tui.api.registration_words import FITTING, portal

if TYPE_CHECKING:
    from screens.shell.app import TmTui

__all__ = ["AboutPage"]

_LABEL = 10


class AboutPage(Page):
    """Versions of console and agent."""

    DEFAULT_CSS = beside(__file__)
    HELP = "console"

    def __init__(self) -> None:
        super().__init__()
        self._view = Block(classes="view")

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._view

    def told_status(self, seen: Seen, now: float) -> None:  # noqa: ARG002  versions have no age
        """Show the versions."""
        agent = f"version {seen.status.version}, process {seen.status.pid}" if seen.status else "not seen yet"
        server = seen.status.status_server if seen.status else None
        terminal = cast("TmTui", self.app).terminal
        width = (self.size.width or 58) - _LABEL
        lines = [
            "Threat Mitigator: console and agent for the Threat Management Services Portal",
            "",
            f"Console   version {__version__}",
            f"Agent     {agent}{self._life(seen)}",
            f"Portal    {hung(portal(server) if server else 'not seen yet', width, _LABEL)}",
            f"Fits      {hung(FITTING, width, _LABEL)}",
            f"Machine   {os.uname().nodename}",
            "",
            "The terminal:",
            *(f"- {reason}" for reason in terminal.rstrip(".").replace(". ", "; ").split("; ")),
        ]
        self._view.show(Content("\n".join(lines)))

    @staticmethod
    def _life(seen: Seen) -> str:
        """Whether the agent runs, and how long."""
        if seen.status is None:
            return ""
        own = f"\n{'':10}this console's own: it ends with it"
        return " (not running)" if seen.stale else own if seen.private else ""
