"""What support is told of an appliance: the bundle, the summary, and the last guard against secrets."""
