"""Real peers (tests/servers) as fixtures for every test. Properties have no deadline: machines are noisy."""

import os
import signal
import sys

import pytest
from hypothesis import settings

import forked

pytest_plugins = ["servers.plugin"]

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

sys.modules.setdefault("tests.forked", forked)  # one by both names: a worker has one nursery

# A shell starts `make test &` with these two ignored, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for each core: tests wait for servers, disks and terminals about as long as they work."""
    return 2 * len(os.sched_getaffinity(0))
