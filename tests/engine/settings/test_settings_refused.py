"""A disk that refuses: at whichever operation, the old settings hold or the new ones with a way back."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.settings.test_settings_trial import armed, begin, confirm, save, settled, take_back
from tm_tui.errors import StorageFailed
from tm_tui.settings.store import SettingsStore

OPERATIONS = ("write", "fsync", "rename", "symlink", "mkdir", "unlink", "readlink")


@contextmanager
def refusing(step: int, *, lasting: bool) -> Iterator[Callable[[], bool]]:
    """The disk's operation `step` fails, and all after it if `lasting`. Tells whether it came to that."""
    done = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **more: Any) -> Any:
            nonlocal done
            done += 1
            if done == step or (lasting and done > step):
                raise OSError(errno.EIO, "refused")
            return original(*arguments, **more)

        return do

    with pytest.MonkeyPatch.context() as patch:
        for name in OPERATIONS:
            patch.setattr(os, name, counted(getattr(os, name)))
        yield lambda: done >= step


def plain(store: SettingsStore) -> None:
    """A save that is not on trial."""
    save(store, "new", 1)


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("act", [plain, begin, confirm, take_back])
def test_each_operation_may_be_refused(
    tmp_path: Path, act: Callable[[SettingsStore], None], lasting: bool
) -> None:
    """The disk may fail at any moment of a save, the very last fsync too: there is always a way back.

    A save that failed has changed nothing, as long as the disk takes anything at all.
    """
    step, failures = 1, 0
    while True:
        store = SettingsStore(tmp_path / f"{step}")
        save(store, "old", 0)
        if act in {confirm, take_back}:
            begin(store)
        failed = False
        with refusing(step, lasting=lasting) as came_to_it:
            try:
                act(store)
            except StorageFailed:
                failed = True
        trial, name = settled(store)
        if act is begin:
            assert (name == "new") == (trial is not None), "new settings without a way back"
        if failed and not lasting and act in {plain, begin}:
            assert name == "old"
        if not failed:
            assert (name, trial is None) == {
                plain: ("new", True),
                begin: ("new", False),
                confirm: ("new", True),
                take_back: ("old", True),
            }[act]
        if trial is not None:
            take_back(store)
            assert settled(store) == (None, "old")
        number = store.load().revision.number
        assert save(store, "next", number) > number
        failures += failed
        if not came_to_it():
            break
        step += 1
    assert failures > {plain: 10, begin: 12, confirm: 2, take_back: 10}[act]


def test_the_last_fsync_of_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial's save fails at the very end: the settings before it are in force, nothing is on trial."""
    store = SettingsStore(tmp_path)
    save(store, "old", 0)
    fsync, seen = os.fsync, []
    monkeypatch.setattr(os, "fsync", lambda descriptor: (seen.append(descriptor), fsync(descriptor))[1])
    save(store, "tried", 1, arm=armed)
    count = len(seen)
    take_back(store)
    seen.clear()

    def last_fails(descriptor: int) -> None:
        seen.append(descriptor)
        if len(seen) == count:
            raise OSError(errno.EIO, "refused")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", last_fails)
    with pytest.raises(StorageFailed):
        save(store, "new", 3, arm=armed)
    assert len(seen) > count, "it tried to bring the old ones back to the disk"
    assert settled(store) == (None, "old")
