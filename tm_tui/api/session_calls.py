"""The client's calls about trials, about who is on, and about drafts that are kept."""

from tm_tui.api.agent import (
    AgentStatus,
    DraftRequest,
    EditingRequest,
    KeptDraft,
    SessionInfo,
    SettingsDocument,
)
from tm_tui.api.calls import Calls

__all__ = ["SessionCalls", "if_match"]


def if_match(revision: int) -> dict[str, str]:
    """RFC 9110, 13.1.1: the revision as an entity tag."""
    return {"If-Match": f'"{revision:d}"'}


class SessionCalls(Calls):
    """Trials, sessions, drafts."""

    async def confirm_trial(self, revision: int) -> SettingsDocument:
        """Keep the revision that is on trial (409 when it is not)."""
        return await self._ask(SettingsDocument, "POST", "/v1/trial/confirm", None, if_match(revision))

    async def end_trial(self, revision: int) -> SettingsDocument:
        """Take back the revision that is on trial (409 when it is not)."""
        return await self._ask(SettingsDocument, "POST", "/v1/trial/rollback", None, if_match(revision))

    async def acknowledge_rollback(self) -> AgentStatus:
        """Say that somebody has seen that a trial was taken back by itself."""
        return await self._ask(AgentStatus, "POST", "/v1/trial/acknowledge")

    async def editing(self, places: tuple[str, ...]) -> None:
        """Tell the other consoles on which screens something is typed here (404: this is no console)."""
        request = EditingRequest(id=self._session, editing=places)
        await self._ask(SessionInfo, "PUT", "/v1/session/editing", request)

    async def kept_draft(self) -> KeptDraft:
        """What this user had unsaved when a console logged out (404 when nothing)."""
        return await self._ask(KeptDraft, "GET", "/v1/draft")

    async def keep_draft(self, request: DraftRequest) -> KeptDraft:
        """Let the agent keep what is typed, for this user, until it ends."""
        return await self._ask(KeptDraft, "PUT", "/v1/draft", request)

    async def drop_draft(self) -> None:
        """Give up what is kept."""
        await self._ask(SessionInfo, "DELETE", "/v1/draft")
