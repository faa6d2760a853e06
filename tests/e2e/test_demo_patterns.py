"""The demo's pattern step by itself: the whole way from an event to events, between real processes."""

from tm_tui.api.requests import SecretChanges
from tm_tui.demo.patterns import deploy_a_pattern
from tm_tui.demo.stage import stage


async def test_the_pattern_step_holds() -> None:
    """Issued at the portal, announced, verified, deployed by a real command, told at the portal again."""
    async with stage() as made:
        settings = made.settings("ssl", enabled=True)
        await made.save(settings, SecretChanges(tmsp=made.password), "test")
        told = await deploy_a_pattern(made)
    assert told.startswith(
        "pattern 1 verified, 3 endpoints cleaned (one after a retry), 1 failed;"
        " custom cleanup run again on ward-01; 8 events"
    )
