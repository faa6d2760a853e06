"""The same app under Textual's own codes and under ours shows the same cells."""

import sys

import pytest

from tests import forked
from tests.wire.ptys import ROOT
from tests.wire.twins import SETS_TO_TRY, THEMES

STEPS = {"sample": 300, "console": 200}
"""On each of ten capability sets: 5,000 steps in all, the same ones each time. Others, and more of them:
`python -m benchmarks.wire.campaign`.
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("subject", STEPS)
@pytest.mark.parametrize("number", range(len(SETS_TO_TRY)))
def test_a_random_session_shows_the_same_cells(number, subject):
    """Keys, events of the agent, seconds and resizes in any order.

    No cell differs from stock Textual's, on any capability set, for a sample app and for the console.
    """
    theme = THEMES[number % len(THEMES)]
    words = [subject, str(number), theme, str(STEPS[subject]), "7"]
    command = [sys.executable, "-m", "tests.wire.twins", *words]
    ended = forked.run(command, cwd=ROOT, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]
