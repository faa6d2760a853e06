"""The control socket: the types both sides share, the agent's server, the client of console and CLI."""
