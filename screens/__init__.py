"""The face of tm-tui: the console, on Textual. It knows the agent by its control socket alone."""
