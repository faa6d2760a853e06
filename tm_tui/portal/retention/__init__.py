"""How long the portal keeps what: settings, what would go now, and the sweep that takes it away."""
