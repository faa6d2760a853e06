"""Cases while the settings change: what was under way stops, and what comes goes by the new settings."""

import asyncio

import pytest

from agents import revision_for, settings_for
from servers.tus_scripted import tus_scripted
from tm_tui.agent.supervisor import Supervisor


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13])
async def test_after_a_cancel_and_a_save_cases_go_to_the_new_server(
    appliance_at, server, certificates, evidence, steps
):
    """Giving up a case that is being sent, then saving another server, leaves no upload to the old one."""
    appliance = appliance_at(server.port)
    await appliance.stop()
    services = appliance.packing, appliance.uploads
    supervisor = Supervisor(services, lambda: None, appliance.clock, lambda: 0.0)
    supervisor.apply(appliance.revision)
    appliance.bandwidth.set(20, 0)
    number = await appliance.submit(evidence)
    await appliance.until_state(number, "sending")
    await server.until(3)
    async with tus_scripted(certificates) as other:
        await appliance.desk.cancel(number, "root")
        for _ in range(steps):
            await asyncio.sleep(0)
        supervisor.apply(revision_for(settings_for(other.port), certificates.ca_pem, 2))
        appliance.bandwidth.set(0, 0)
        later = await appliance.submit(evidence)
        await appliance.until_state(later, "submitted")
        assert [len(body) for body in other.uploads.values()] == [appliance.book.get(later).packed_bytes]
        assert server.requests.count("POST 201") == 1
        await supervisor.stop()
