"""What the wire costs: bytes for each action, and seconds from a key to its effect on a slow line."""
