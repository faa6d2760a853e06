"""Real peers for tests: daemons that no one here wrote, on free loopback ports, and bad servers."""
