"""Sealed batches go to the log server, each exactly once as its files show it."""
