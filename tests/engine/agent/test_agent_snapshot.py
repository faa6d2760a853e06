"""What the one lamp says when two servers differ, and what the folders permit."""

import os
from collections.abc import Iterator
from itertools import product

import pytest

from agents import short_home
from tm_tui.agent.folders import prepare_folders
from tm_tui.agent.snapshot import overall
from tm_tui.api.agent import ServerState
from tm_tui.paths import Home


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


def test_the_lamp_is_green_only_if_all_is_well() -> None:
    """No screen is green while one of the servers is out of reach."""
    for one, other in product(ServerState, repeat=2):
        green = overall(one, other) is ServerState.CONNECTED
        assert green == (one is other is ServerState.CONNECTED)
        assert overall(one, other) is overall(other, one)
    assert overall(ServerState.CONNECTING, ServerState.FAILING) is ServerState.FAILING


def test_what_others_may_do_is_taken_back(home: Home) -> None:
    """Folders that were made too open are closed before a secret is written; run/ may be passed through."""
    before = os.umask(0)
    try:
        for folder in (home.config, home.state, home.run):
            folder.mkdir(parents=True, mode=0o755)
        prepare_folders(home)
    finally:
        os.umask(before)
    modes = [folder.stat().st_mode & 0o777 for folder in (home.config, home.state, home.run)]
    assert modes == [0o700, 0o700, 0o750]
