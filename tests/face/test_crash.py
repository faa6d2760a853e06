"""A bug in the console: one clear line, no values, and the exit code says so."""

import asyncio
import sys
import tempfile
from pathlib import Path

import pytest
from textual.pilot import Pilot

from face.scripted import ScriptedAgent
from screens.shell.app import TmTui


class Broken(TmTui):
    """A console with a bug that has a password in its local variables."""

    async def action_boom(self) -> None:
        password = "canary-geheim"
        raise RuntimeError(password)


def test_a_crash_shows_one_line_and_no_secret(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Textual would print all local variables; ours says where and what kind, and that the agent goes on."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = Broken(ScriptedAgent().connect)

    async def press(pilot: Pilot[int]) -> None:
        await pilot.app.run_action("boom")

    async def story() -> None:
        with pytest.raises(RuntimeError):
            async with app.run_test() as pilot:
                await press(pilot)

    asyncio.run(story())
    app._handle_exception(RuntimeError("canary-geheim"))
    app._print_error_renderables()
    sys.stderr.flush()
    shown = capfd.readouterr()
    assert "canary" not in shown.out + shown.err
    assert "the console ended because of a bug (RuntimeError at" in shown.err
    assert shown.err.count("\n") == len(shown.err.strip().splitlines())
    assert app.return_code == 1
    (report,) = tmp_path.glob("crash-*.txt")
    assert str(report) in shown.err
    assert "canary" not in report.read_text(encoding="utf-8")
