"""A case where the disk is full: the reason is told, nothing is half there, and it goes on with room."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from servers.process import folder
from tm_tui.cases.archive import Limits, pack
from tm_tui.cases.case_records import CaseBook
from tm_tui.cases.sources import Sources
from tm_tui.clock import SystemClock
from tm_tui.errors import StorageFailed
from tm_tui.paths import Home

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of 3 MB."""
    with folder("disk") as path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", str(path)], check=True)
        try:
            yield path
        finally:
            subprocess.run(["umount", str(path)], check=True)


def test_packing_names_the_full_disk(disk: Path, tmp_path: Path) -> None:
    """What does not fit is refused in the middle with the reason."""
    home = Home.under(disk)
    for one in (home.config, home.state, home.run):
        one.mkdir(parents=True)
    (tmp_path / "dump").write_bytes(os.urandom(5_000_000))
    with pytest.raises(StorageFailed, match="The disk is full"):
        pack(
            Sources(home, home.state),
            [tmp_path / "dump"],
            disk / "pack",
            "tar.zst",
            {},
            stop=threading.Event(),
            limits=Limits(reserve=0),
        )


async def test_a_record_that_cannot_be_written_is_not_made(disk: Path) -> None:
    """On a full disk submitting fails with the reason, and works again once there is room."""
    book = CaseBook.open(disk / "cases")
    (disk / "ballast").write_bytes(b"")
    for size in (65536, 512):
        with suppress(OSError), (disk / "ballast").open("ab", buffering=0) as file:
            while True:
                file.write(bytes(size))
    values = {"created_at": SystemClock().now(), "submitted_by": "root", "sources": ("/x",), "endpoint": "pc"}
    with pytest.raises(StorageFailed, match="The disk is full"):
        await book.add(**values)
    assert book.records() == ()
    (disk / "ballast").unlink()
    assert (await book.add(**values)).number >= 1
    again = CaseBook.open(disk / "cases")
    assert [record.endpoint for record in again.records()] == ["pc"]
