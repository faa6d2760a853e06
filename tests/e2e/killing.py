"""kill -9 of the agent at any moment of a save: for the tests, and for benchmarks/kills_in_save.py."""

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from pathlib import Path

from pydantic import SecretStr

from agents import AgentChild
from tm_tui.api.client import AgentAbsent, ControlClient
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.paths import Home

__all__ = ["kill_in_saves"]

_LONGEST = 0.05
"""Seconds after the request is sent; a save takes about a third of it."""


async def kill_in_saves(folder: Path, rounds: int, seed: int) -> Counter[str]:
    """Save and kill `rounds` times in a home below `folder`. How often the old and the new revision held.

    Raises AssertionError when settings and password of different revisions meet, or the agent does not start.
    """
    chance = random.Random(seed)
    home = Home.under(folder)
    environ = {**os.environ, "TM_TUI_HOME": str(folder)}
    held: Counter[str] = Counter()
    before, after = "", ""
    for number in range(1, rounds + 1):
        started = AgentChild(folder / "agent.log", environ)
        async with started as agent, ControlClient(home.control_socket) as client:
            document = await client.settings()
            found = document.settings["tmsp"]["email"]
            assert found in {before, after}, f"{found} after {before} and {after}"
            held["new" if found == after else "old"] += 1
            _check_whole(home, document.revision, found)
            before, after = found, f"n{number}@example.com"
            save = asyncio.create_task(_save(client, after, document.revision))
            await asyncio.wait({save}, timeout=chance.uniform(0, _LONGEST))
            await agent.kill()
            await save
    return held


async def _save(client: ControlClient, email: str, revision: int) -> None:
    secrets = SecretChanges(tmsp=SecretStr(email))
    request = SaveRequest(settings={"tmsp": {"email": email}}, secrets=secrets)
    with contextlib.suppress(AgentAbsent):  # killed before it could answer
        await client.save(request, revision)


def _check_whole(home: Home, revision: int, email: str) -> None:
    """The password in force belongs to the settings in force, and nothing unfinished lies about."""
    if not email:
        return
    # Not by `current`: a kill in the very first save may leave a whole revision and no link to it yet.
    file = home.config / "revisions" / f"{revision:06d}" / "secrets.json"
    secrets = json.loads(file.read_text(encoding="utf-8"))
    assert secrets["tmsp"] == email
    assert not list(home.config.rglob(".new-*"))
