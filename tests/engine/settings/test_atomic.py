"""Private folders and files, as host keys, spool and agent use them too."""

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed


def test_folders_are_made_private(tmp_path: Path) -> None:
    """A missing folder and its missing parents are made for nobody else."""
    with Folder.open(tmp_path / "a" / "b", create=True) as folder, folder.folder("c", create=True):
        pass
    for path in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o700


def test_replace_is_whole_or_nothing(tmp_path: Path) -> None:
    """New content takes the name at once; a refused write leaves the old content and no litter."""
    with Folder.open(tmp_path / "a", create=True) as folder:
        folder.replace("keys", b"old")
        folder.replace("keys", b"new" * 100_000)
        assert folder.read("keys", 1 << 20) == b"new" * 100_000
        with pytest.raises(StorageFailed, match="too long"):
            folder.replace("x" * 240, b"")
        assert folder.names() == ("keys",)
        assert stat.S_IMODE((tmp_path / "a" / "keys").stat().st_mode) == 0o600


def test_nothing_is_overwritten_by_write(tmp_path: Path) -> None:
    """A new file never takes the place of another, nor follows a link that somebody put there."""
    (tmp_path / "a").mkdir(0o700)
    (tmp_path / "a" / "trap").symlink_to(tmp_path / "victim")
    with Folder.open(tmp_path / "a") as folder, pytest.raises(StorageFailed, match="trap"):
        folder.write("trap", b"x")
    assert not (tmp_path / "victim").exists()


def test_what_is_not_there(tmp_path: Path) -> None:
    """Absence is told apart from damage."""
    with pytest.raises(StorageAbsent), Folder.open(tmp_path / "nothing"):
        pass
    with Folder.open(tmp_path) as folder, pytest.raises(StorageAbsent):
        folder.read("nothing", 10)


def test_removing_stays_inside(tmp_path: Path) -> None:
    """Sweeping a leftover does not follow links out of it, and leaves what is deeper than we ever write."""
    (tmp_path / "kept").write_text("x")
    for name in ("flat", "deep"):
        (tmp_path / name).mkdir(0o700)
        (tmp_path / name / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "deep" / "inner").mkdir()
    with Folder.open(tmp_path) as folder:
        folder.remove("flat")
        folder.remove("deep")
        folder.remove("nothing")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "kept"]


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    """Refusals do not use up descriptors, however often they happen."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    with Folder.open(tmp_path) as folder:
        for name in ("folder", "pipe", "nothing"):
            with pytest.raises(StorageFailed):
                folder.read(name, 10)
            with pytest.raises(StorageFailed), folder.folder(name):
                pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_is_appended_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full in the middle of a line leaves the file as it was, and a later line is whole."""
    with Folder.open(tmp_path / "own", create=True) as folder:
        folder.append("journal", b"one\n")
        write = os.write

        def half(descriptor: int, data: bytes) -> int:
            if len(data) < 4:
                raise OSError(errno.ENOSPC, "full")
            return write(descriptor, data[: len(data) // 2])

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            with pytest.raises(StorageFailed, match="disk is full"):
                folder.append("journal", b"two two two\n")
        assert folder.read("journal", 100) == b"one\n"
        folder.append("journal", b"three\n")
        assert folder.read("journal", 100) == b"one\nthree\n"
        assert stat.S_IMODE((tmp_path / "own" / "journal").stat().st_mode) == 0o600


def test_nothing_is_appended_through_a_link(tmp_path: Path) -> None:
    """A link that somebody placed leads no line elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    with Folder.open(tmp_path / "own", create=True) as folder:
        folder.link("journal", str(elsewhere))
        with pytest.raises(StorageFailed):
            folder.append("journal", b"one\n")
    assert elsewhere.read_text() == ""


def test_a_large_file_is_written_piece_by_piece_over_an_old_one(tmp_path: Path) -> None:
    """What was half written before a kill is written anew, and is ours alone."""
    with Folder.open(tmp_path / "own", create=True) as folder:
        folder.append("pack", b"old and longer than the new one")
        with folder.written("pack", 1 << 16) as file:
            for _ in range(3):
                file.write(b"new")
        assert folder.read("pack", 100) == b"newnewnew"


def test_nobody_else_syncs_or_locks() -> None:
    """How a file comes to the disk and who may write is decided in one place (the portal has its own)."""
    product = Path(__file__).parent.parent.parent.parent / "tm_tui"
    found = [
        str(file.relative_to(product))
        for file in sorted(product.rglob("*.py"))
        if "portal" not in file.parts
        and re.search(r"\b(os\.f(data)?sync|flock)\(", file.read_text(encoding="utf-8"))
    ]
    assert found == ["atomic.py", "files.py"]
