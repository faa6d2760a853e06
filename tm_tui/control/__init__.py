"""The control socket's server, and what it tells of the agent."""
