"""The agent: one process a home that owns settings, secrets and links, and serves the control socket."""
