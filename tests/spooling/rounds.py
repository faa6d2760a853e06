"""The faults that a campaign is made of: short in the tests, long in benchmarks/faults.

Each ends with reading the log server's files: every accepted event once, in order within its kind; what a
damaged disk has cost is counted, and nothing else is missing.
"""

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.certificates import Certificates
from spooling import damage, killing
from spooling.agent_campaign import AgentCampaign
from spooling.campaign import POINTS, Campaign, Target, over_ssh, over_ssl
from spooling.detour import detour

DAYS = (0.0, 1.0, -1.0)
"""The appliance's clock, run after run."""


@dataclass(frozen=True)
class Servers:
    """The stock servers of a campaign, each of which may be killed."""

    nginx: killing.Nginx
    certificates: Certificates
    sshd: killing.OpenSsh

    @contextmanager
    def target(self, name: str, base: Path) -> Iterator[tuple[Target, Callable[[], object]]]:
        """A log server by its name, fresh, and what kills it."""
        if name.startswith("portal"):
            with killing.portal(base / "portal") as portal:
                yield portal.target(name.removeprefix("portal-"), base), portal.kill
        elif name == "nginx":
            yield over_ssl(self.nginx.web, self.certificates, base), self.nginx.kill
        else:
            yield over_ssh(self.sshd.sshd, base), self.sshd.kill


SERVERS = ("nginx", "openssh", "portal-ssl", "portal-ssh")


def killed(
    servers: Servers, name: str, base: Path, chance: random.Random, *, kills: int = 25, events: int = 20_000
) -> Campaign:
    """The appliance is killed at named points and random moments, its server too, and its clock is wrong."""
    with servers.target(name, base) as (target, kill_server):
        campaign = Campaign(base, target, events, DAYS, {"batch": chance.choice((50, 200, 1000))})
        while campaign.kills < kills and not campaign.ended:
            if chance.random() < 0.5:
                campaign.run(point=chance.choice(POINTS), count=chance.randrange(1, 4), seconds=20)
            else:
                campaign.run(seconds=chance.uniform(0.0, 0.6))
            if chance.random() < 0.3:
                kill_server()
        campaign.finish()
    return campaign


def cut(servers: Servers, name: str, base: Path, chance: random.Random, *, swallow: bool = False) -> Campaign:
    """Lines break in handshakes, uploads and replies; `swallow`: all arrives, but no reply comes."""
    with servers.target(name, base) as (target, _):
        most = 12_000 if target.config["protocol"] == "ssh" else 8_000
        seed = chance.randrange(1 << 30)
        with detour(target.config["port"], seed=seed, most=most, swallow=swallow) as way:
            detoured = over_the(way.port, target, base)
            campaign = Campaign(base, detoured, 2000, DAYS, {"reply": 1.0})
            for _ in range(3):
                campaign.run_until(lambda before=way.cuts: way.cuts > before)
            assert way.cuts, "nothing was cut"
            way.calm = True
            campaign.finish()
    return campaign


def swallowed(servers: Servers, name: str, base: Path, chance: random.Random) -> Campaign:
    """Everything arrives at the server, and its reply is lost."""
    return cut(servers, name, base, chance, swallow=True)


def over_the(port: int, target: Target, base: Path) -> Target:
    """The same server by another port, under which its host key is approved too."""
    keys = base / "host_keys"
    if keys.exists():
        keys.write_text(keys.read_text().replace(f":{target.config['port']} ", f":{port} "))
    return Target(target.config | {"port": port}, target.files)


def split(servers: Servers, name: str, base: Path, chance: random.Random, *, kills: int = 12) -> Campaign:
    """The server takes small batches only (413), and the appliance is killed while it makes two of one."""
    assert name == "nginx"
    target = over_ssl(servers.nginx.web, servers.certificates, base)
    campaign = Campaign(base, target, 6000, DAYS, {"batch": 2000})
    with servers.nginx.limited("4k"):
        while campaign.kills < kills and not campaign.ended:
            point = chance.choice(("split", "rename", "renamed", "sent", "marked", "dropped"))
            campaign.run(point=point, count=chance.randrange(1, 4), seconds=chance.uniform(1, 5))
        held = campaign.finish()
    assert len(held.batches) > 6000 / 2000 * 2, "nothing was split"
    return campaign


def full_here(servers: Servers, name: str, base: Path, chance: random.Random, *, kills: int = 6) -> Campaign:
    """The appliance's own disk is full now and then, and it is killed meanwhile."""
    with servers.target(name, base) as (target, _), killing.small_disk(base / "disk", 24) as disk:
        campaign = Campaign(base, target, 8000, DAYS, {"reserve": 2 << 20, "batch": 500})
        campaign.spool = disk / "spool"
        campaign.run_until(lambda: campaign.acknowledged > 0)  # a full disk before the first start stops it
        other = disk / "somebody-else"
        while campaign.kills < kills and not campaign.ended:
            killing.fill(other, leave=chance.choice((0, 4096, 100_000, 3 << 20)))
            campaign.run(seconds=chance.uniform(0.1, 0.8))
            other.unlink()
            campaign.run(seconds=chance.uniform(0.0, 0.3))
        campaign.finish()
    return campaign


def full_there(servers: Servers, name: str, base: Path, chance: random.Random) -> Campaign:
    """The server's disk is full for a while."""
    return _trouble_there(servers, name, base, chance, read_only=False)


def read_only_there(servers: Servers, name: str, base: Path, chance: random.Random) -> Campaign:
    """The server's disk is read-only for a while."""
    return _trouble_there(servers, name, base, chance, read_only=True)


def _trouble_there(
    servers: Servers, name: str, base: Path, chance: random.Random, *, read_only: bool
) -> Campaign:
    owner = servers.sshd.sshd.account.name if name == "openssh" else None
    with servers.target(name, base) as (target, _):
        campaign = Campaign(base, target, 1500, DAYS)
        with killing.small_disk(target.files, 1, owner) as disk:
            other = disk / "other"
            if read_only:
                subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            else:
                other.write_bytes(b"x" * ((1 << 20) - 4096 * chance.randrange(4)))
            for _ in range(3):
                before = len(campaign.failures)
                campaign.run_until(lambda before=before: len(campaign.failures) > before)
            assert campaign.failures, "nobody noticed"
            if read_only:
                subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            else:
                other.unlink()
            campaign.finish()
    return campaign


def damaged(
    servers: Servers, name: str, base: Path, chance: random.Random, *, times: int = 1, events: int = 3000
) -> Campaign:
    """The disk alters or cuts the spool's files between two lives of the appliance."""
    with servers.target(name, base) as (target, _):
        batch = chance.choice((500, 100_000))
        campaign = Campaign(base, target, events, more={"batch": batch})
        child = campaign.start(offline=True)
        campaign.await_(child, lambda: campaign.acknowledged == campaign.total)
        assert campaign.acknowledged == campaign.total, "it took no events"
        campaign.end(child)
        shutil.copytree(campaign.spool, base / "before", ignore=shutil.ignore_patterns("ballast"))
        told = [damage.harm(campaign.spool, chance.choice(damage.KINDS), chance) for _ in range(times)]
        campaign.total += 100
        try:
            campaign.finish()
        except AssertionError as error:
            raise AssertionError(f"{'; '.join(told)}: {error}") from None
    return campaign


def agent(
    servers: Servers, name: str, base: Path, chance: random.Random, *, kills: int = 10
) -> AgentCampaign:
    """The real agent is killed at random moments, while a producer writes to its control socket."""
    del servers
    assert name.startswith("portal")
    with killing.portal(base / "portal") as portal:
        campaign = AgentCampaign(base, portal, name.removeprefix("portal-"))
        while campaign.kills < kills:
            campaign.run(chance.uniform(0.05, 1.2))
            if chance.random() < 0.2:
                portal.kill()
        campaign.finish()
    return campaign


Round = Callable[[Servers, str, Path, random.Random], Campaign | AgentCampaign]
ROUNDS: tuple[tuple[Round, tuple[str, ...]], ...] = (
    (killed, SERVERS),
    (cut, ("nginx", "openssh", "portal-ssl", "portal-ssh")),
    (agent, ("portal-ssl", "portal-ssh")),
    (swallowed, ("nginx", "openssh", "portal-ssl", "portal-ssh")),
    (split, ("nginx",)),
    (full_here, ("nginx", "openssh")),
    (full_there, ("nginx", "openssh")),
    (read_only_there, ("nginx", "openssh")),
    (damaged, ("nginx", "openssh")),
)
"""Each kind of fault with the servers that it is tried on."""
