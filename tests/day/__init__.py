"""Whole days in seconds: a real agent and a real portal on one clock that the test turns."""
