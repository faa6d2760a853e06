"""The client's calls about trials, about who is on, and about drafts that are kept."""

from typing import TYPE_CHECKING

from tm_tui.api import calls
from tm_tui.api.agent import AgentStatus, KeptDraft, SettingsDocument
from tm_tui.api.asking import Asking

if TYPE_CHECKING:
    from tm_tui.api.requests import DraftRequest

__all__ = ["SessionCalls"]


class SessionCalls(Asking):
    """Trials, sessions, drafts."""

    async def confirm_trial(self, revision: int) -> SettingsDocument:
        """Keep the revision that is on trial (409 when it is not)."""
        return await self._ask(calls.CONFIRM_TRIAL, revision=revision)

    async def end_trial(self, revision: int) -> SettingsDocument:
        """Take back the revision that is on trial (409 when it is not)."""
        return await self._ask(calls.END_TRIAL, revision=revision)

    async def acknowledge_rollback(self) -> AgentStatus:
        """Say that somebody has seen that a trial was taken back by itself."""
        return await self._ask(calls.ACKNOWLEDGE)

    async def editing(self, places: tuple[str, ...]) -> None:
        """Tell the other consoles on which screens something is typed here (404: this is no console)."""
        from tm_tui.api import orders
        from tm_tui.api.requests import EditingRequest

        request = EditingRequest(id=self._session, editing=places)
        await self._ask(orders.EDITING, body=request)

    async def kept_draft(self) -> KeptDraft:
        """What this user had unsaved when a console logged out (404 when nothing)."""
        return await self._ask(calls.DRAFT)

    async def keep_draft(self, request: "DraftRequest") -> KeptDraft:
        """Let the agent keep what is typed, for this user, until it ends."""
        from tm_tui.api import orders

        return await self._ask(orders.KEEP_DRAFT, body=request)

    async def drop_draft(self) -> None:
        """Give up what is kept."""
        await self._ask(calls.DROP_DRAFT)
