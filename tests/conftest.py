"""Real peers (tests/servers) as fixtures for every test. Properties have no deadline: machines are noisy."""

import gc
import os
import signal
import sys
from pathlib import Path

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

# Each TLS connection reads the machine's list of authorities, 40 ms of work. No test wants one of these; who
# does finds it in the folder beside the list, where it is looked up by name.
os.environ["SSL_CERT_FILE"] = os.devnull

gc.disable()  # until all is collected: what comes now stays, and would be looked through again and again


def pytest_collection_finish() -> None:
    """Leave what the tests themselves are made of out of later garbage collections: a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Five workers for two cores: tests wait for servers, disks and terminals about as long as they work."""
    return 5 * len(os.sched_getaffinity(0)) // 2


LONGEST = (
    *("e2e/test_examples.py", "e2e/test_canary.py", "e2e/test_hostile.py", "faults/test_case_kill.py"),
    *("wire/test_equality.py", "wire/test_key_order.py", "wire/test_second_opinion.py", "e2e/test_demo.py"),
    *("e2e/test_console_story.py", "e2e/test_serial.py", "e2e/test_killed_in_save.py"),
    *("e2e/test_portal_browser.py", "package/test_package.py", "faults/test_spool_links.py"),
    *("e2e/test_crash_restart.py", "e2e/test_stories.py", "engine/portal/test_portal_retention.py"),
    *("e2e/test_first_registration.py", "e2e/test_escape.py", "day/test_day_agent.py"),
    "engine/portal/test_portal_operator_day.py",
)
"""The files with the longest tests, the longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal the longest files out to the workers, each of which begins with its own: so all end together.

    Each worker is given an equal part of the tests in their order, and who is done takes from another's end.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long: dict[str, list[pytest.Item]] = {name: [] for name in LONGEST}
    others = []
    for item in items:
        long.get(os.path.relpath(item.path, Path(__file__).parent), others).append(item)
    files, dealt = list(long.values()), []
    for number in range(workers):
        first = [item for file in files[number::workers] for item in file]
        more = max(0, (len(items) - len(dealt)) // (workers - number) - len(first))
        dealt += [*first, *others[:more]]
        others = others[more:]
    items[:] = [*dealt, *others]
