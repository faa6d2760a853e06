"""Real peers (tests/servers) as fixtures for every test. Properties have no deadline: machines are noisy."""

from hypothesis import settings

pytest_plugins = ["servers.plugin"]

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
