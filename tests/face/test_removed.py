"""An appliance that the portal removed is not switched off: no page says so, and each says what it is."""

import pytest

from face.conftest import console_of
from face.scripted import NOON, ScriptedAgent, status
from tm_tui.api.agent import AgentStatus, ServerState
from tm_tui.api.requests import SaveRequest


def removed() -> AgentStatus:
    """A snapshot of an appliance that the portal removed at noon, as the agent puts it together."""
    told = status(ServerState.UNREGISTERED)
    server = type(told.status_server)(state=ServerState.UNREGISTERED, removed_at=NOON)
    logs = type(told.log_server)(state=ServerState.UNREGISTERED, delivery="disabled")
    parts = {"status_server": server.fields(), "log_server": logs.fields()}
    off = {name: getattr(told, name).fields() | {"state": "disabled"} for name in ("patterns", "cases")}
    return AgentStatus(**(told.fields() | parts | off | {"reports": {"enabled": False}}))


@pytest.mark.parametrize("page", ["Submit a Case", "Pattern Deploy", "Reports", "Log Queue"])
async def test_removed_is_not_switched_off(page: str) -> None:
    """Each list says that the portal removed this appliance."""
    agent = ScriptedAgent()
    agent.statuses.put_nowait(removed())
    async with console_of(agent.connect, size=(120, 40)) as console:
        await console.open(page)
        await console.sees("removed at the portal")
        assert "switched off" not in console.screen_text().lower()


async def test_a_save_with_nothing_changed_registers_again() -> None:
    """What Status says is what F2 does: no value has to be changed for it."""
    agent = ScriptedAgent()
    agent.statuses.put_nowait(removed())
    async with console_of(agent.connect) as console:
        await console.open("TMSP")
        await console.sees("removed at the portal")
        await console.press("f2")
        await console.sees("Saved as revision 18: this appliance registers again.")
        assert isinstance(agent.requests[-1], SaveRequest)
