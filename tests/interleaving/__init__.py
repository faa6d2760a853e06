"""Two things at once: the agent's parts in orders that a seed chooses, against what must hold."""
