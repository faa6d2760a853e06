"""Real peers (tests/servers) as fixtures for every test."""

pytest_plugins = ["servers.plugin"]
