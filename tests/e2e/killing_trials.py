"""kill -9 of the agent at any moment of apply-on-trial: for the tests, and for benchmarks/kills_in_trial.py.

What it may end in: the settings before, the settings on trial with their way back still to come, or the
confirmed ones. What was confirmed stays; what was taken back is gone; settings and password belong together.
"""

import asyncio
import contextlib
import json
import os
import random
import time
from collections import Counter
from pathlib import Path

from pydantic import SecretStr

from agents import AgentChild
from tm_tui.api.client import AgentAbsent, ControlClient, ControlRefused
from tm_tui.api.requests import SaveRequest, SecretChanges, TrialRequest
from tm_tui.paths import Home

__all__ = ["kill_in_trials"]

_BEYOND = 1.4
"""The kill comes at a random moment up to this many times what a whole story took here without one."""


class _Campaign:
    """One home, and what may be found in it at the next start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home.under(folder)
        self.kept = ""
        self.tried = ""
        self.confirmed = self.ended = False
        self.held: Counter[str] = Counter()

    async def look(self, client: ControlClient) -> None:
        """What holds after the kill, and whether that is right; then bring it to an end."""
        document, status = await client.settings(), await client.status()
        email = document.settings["tmsp"]["email"]
        self._check_whole(document.revision, email)
        if status.trial is not None:
            assert email == self.tried, f"{email} is on trial, not {self.tried}"
            assert not self.confirmed, "confirmed settings are on trial again"
            self.held["on trial"] += 1
            document = await client.end_trial(status.trial.revision)
            assert document.settings["tmsp"]["email"] == self.kept, "the way back led elsewhere"
        elif email == self.tried != self.kept:
            assert not self.ended, "settings that were taken back are in force"
            self.held["confirmed"] += 1
            self.kept = email
        else:
            assert email == self.kept, f"{email} after {self.kept} and {self.tried}"
            assert not self.confirmed or self.tried == self.kept, "confirmed settings are gone"
            self.held["old"] += 1
        if status.rollback is not None:
            await client.acknowledge_rollback()

    async def story(self, client: ControlClient, email: str, end: str) -> None:
        """Save on trial, then confirm, take back, or neither, until the kill."""
        self.tried, self.confirmed, self.ended = email, False, False
        request = SaveRequest(
            settings={"tmsp": {"email": email}},
            secrets=SecretChanges(tmsp=SecretStr(email)),
            trial=TrialRequest(),
        )
        with contextlib.suppress(AgentAbsent):  # killed before it could answer
            saved = await client.save(request, (await client.settings()).revision)
            if end == "confirm":
                await client.confirm_trial(saved.revision)
                self.confirmed = True
            elif end == "end":
                await client.end_trial(saved.revision)
                self.ended = True

    def _check_whole(self, revision: int, email: str) -> None:
        if not email:
            return
        file = self.home.config / "revisions" / f"{revision:06d}" / "secrets.json"
        assert json.loads(file.read_text(encoding="utf-8"))["tmsp"] == email
        assert not list(self.home.config.rglob(".new-*"))


async def kill_in_trials(folder: Path, rounds: int, seed: int) -> Counter[str]:
    """Try and kill `rounds` times in a home below `folder`; how often which settings held.

    Raises AssertionError when anything else than the old, the tried or the confirmed settings is found.
    """
    chance = random.Random(seed)
    campaign = _Campaign(folder)
    environ = {**os.environ, "TM_TUI_HOME": str(folder)}
    unharmed = AgentChild(folder / "agent.log", environ)
    async with unharmed, ControlClient(campaign.home.control_socket) as client:
        await campaign.story(client, "first@example.com", "confirm")  # what the first call costs is no story
        await campaign.look(client)
        began = time.monotonic()
        await campaign.story(client, "second@example.com", "confirm")
        longest = _BEYOND * (time.monotonic() - began)
        await campaign.look(client)
        campaign.held.clear()
        campaign.confirmed = False
    for number in range(1, rounds + 1):
        started = AgentChild(folder / "agent.log", environ)
        async with started as agent, ControlClient(campaign.home.control_socket) as client:
            await campaign.look(client)
            end = chance.choice(("confirm", "end", "nothing"))
            story = asyncio.create_task(campaign.story(client, f"n{number}@example.com", end))
            await asyncio.wait({story}, timeout=chance.uniform(0.0, longest))
            await agent.kill()
            with contextlib.suppress(ControlRefused):
                await story
    return campaign.held
