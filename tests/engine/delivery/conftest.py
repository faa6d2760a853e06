"""A spool, a log server that misbehaves to order, the service between them, a clock that the test turns."""

import random
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from clock import FakeClock
from servers.limits import PATIENT
from spooling.log_server import log_server
from spooling.working import at_work
from tm_tui.delivery.service import DeliveryService
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.types import Credentials, Endpoint, Link
from tm_tui.retry import Retry
from tm_tui.spool.store import Spool

APPLIANCE = "tm-0042"


@pytest.fixture
def clock():
    """Time that the test moves."""
    return FakeClock()


@pytest.fixture
async def spool(tmp_path, clock):
    """An open spool."""
    async with await Spool.open(tmp_path / "spool", APPLIANCE, clock=clock) as opened:
        yield opened


@pytest.fixture
async def server(tmp_path, certificates):
    """A log server that does as it is told."""
    async with log_server(tmp_path / "held", certificates) as running:
        yield running


@pytest.fixture
def link(server, certificates, tmp_path):
    """The way to it."""
    trust = Trust(certificates.ca_pem, HostKeys(tmp_path / "host_keys"))
    credentials = Credentials("tm", SecretStr("secret"))
    return Link(Endpoint("127.0.0.1", server.port), credentials, None, trust, PATIENT)


@pytest.fixture
def running(spool, link, clock):
    """Run a delivery service for the length of a block."""

    @asynccontextmanager
    async def run(**options):
        arguments = {"protocol": "ssl", "appliance": APPLIANCE, "interval": 3600, "clock": clock} | options
        service = DeliveryService(
            spool, link, retry=Retry(clock, random.Random(1).random, disk="spool"), **arguments
        )
        async with at_work(service):
            yield service

    return run
