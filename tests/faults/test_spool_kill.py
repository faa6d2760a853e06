"""kill -9 at every named point and at random moments: read the log server's files, find each event once.

The long run of the same code is `python -m benchmarks.faults`.
"""

import random

from servers.certificates import Certificates
from servers.openssh import Sshd
from servers.web import Web
from spooling.campaign import POINTS, Campaign, over_ssh, over_ssl


def test_killed_at_every_named_point(web: Web, certificates: Certificates, tmp_path):
    """An appliance that loses power at the worst moment delivers every acknowledged event once."""
    campaign = Campaign(tmp_path, over_ssl(web, certificates, tmp_path), total=6000)
    for point in POINTS:
        campaign.run(point=point)
    assert campaign.kills == len(POINTS)
    campaign.finish()


def test_killed_around_a_delivery_over_ssh(openssh: Sshd, tmp_path):
    """The same over SFTP: a half upload is never taken for a batch, a whole one never sent twice."""
    campaign = Campaign(tmp_path, over_ssh(openssh, tmp_path), total=4000)
    for point in ("send", "sent", "marked", "unlinked"):
        campaign.run(point=point, count=2)
    assert campaign.kills == 4
    campaign.finish()


def test_killed_at_random_moments(web: Web, certificates: Certificates, tmp_path):
    """Whenever the process dies, its successor goes on where it was."""
    campaign = Campaign(tmp_path, over_ssl(web, certificates, tmp_path), total=6000)
    chance = random.Random(7)
    for _ in range(10):
        campaign.run(seconds=chance.uniform(0.05, 0.4))
    campaign.finish()
