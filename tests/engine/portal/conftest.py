"""One portal for the tests that leave it as it was, and homes for those that do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from portals import RunningPortal, running


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    """A running portal for the tests of one file."""
    with running(tmp_path_factory.mktemp("portal") / "home") as portal:
        yield portal


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A place for a portal of the test's own."""
    return tmp_path / "home"
