"""Registration and heartbeats with the status server."""
