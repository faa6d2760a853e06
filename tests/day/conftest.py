"""Folders of these days lie in memory: they are about clocks, and a busy disk would only make them long."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = "/dev/shm"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one."""
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tm-", dir=place) as made:
        yield Path(made)
