"""An agent at work in a home of its own, and a client of its socket."""

from collections.abc import AsyncIterator

import pytest

from agents import agent_in, short_home
from tm_tui.agent.agent import Agent
from tm_tui.api.client import ControlClient
from tm_tui.paths import Home


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    with short_home() as made:
        yield made


@pytest.fixture
async def agent(home: Home) -> AsyncIterator[Agent]:
    async with agent_in(home) as running:
        yield running


@pytest.fixture
async def client(agent: Agent, home: Home) -> AsyncIterator[ControlClient]:
    async with ControlClient(home.control_socket) as opened:
        yield opened
