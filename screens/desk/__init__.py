"""What the console knows and asks, on a screen and in plain lines: no widget in it."""
