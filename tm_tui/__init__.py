"""The engine of tm-tui: the agent, its links and settings. It never imports the face (`screens`)."""

__all__ = ["__version__"]

__version__ = "0.1.0"
