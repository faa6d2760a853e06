"""The same app under Textual's own codes and under ours shows the same cells."""

import subprocess
import sys

import pytest

from tests.wire.ptys import ROOT
from tests.wire.twins import SETS_TO_TRY, THEMES

STEPS = 10_000 // len(SETS_TO_TRY)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(len(SETS_TO_TRY)))
def test_a_random_session_shows_the_same_cells(number):
    """Keys, log lines, ticks and resizes in any order.

    No cell differs from stock Textual's, on any capability set.
    """
    theme = THEMES[number % len(THEMES)]
    command = [sys.executable, "-m", "tests.wire.twins", "--one", str(number), theme, str(STEPS), "7"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]
