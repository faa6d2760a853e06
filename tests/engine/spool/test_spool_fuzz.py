"""A share of the campaign of damage (`python -m benchmarks.damage 5000`)."""

import pytest

from spooling.damage_campaign import DAMAGES, PAGE, DamageCampaign
from tm_tui.spool import database


@pytest.fixture
def small(monkeypatch):
    """Small spools vacuum too."""
    monkeypatch.setattr(database, "_VACUUM_AT", 4)
    monkeypatch.setattr(database, "_VACUUM_PORTION", 4)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_to_its_files_the_spool_goes_on(seed, tmp_path, small):
    """It opens, takes events, delivers what is whole, in order and once, and tells what is missing."""
    campaign = DamageCampaign(tmp_path, seed)
    await campaign.prepare(4)
    for turn in range(60):
        await campaign.round(turn)
    for byte in range(seed, PAGE, PAGE // 15):
        await campaign.cut_at(byte)
    assert campaign.outcome.rounds > 70
    assert campaign.outcome.whole
    assert len(campaign.outcome.hits) > len(DAMAGES)
