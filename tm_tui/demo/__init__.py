"""The main job on one machine: a portal, an agent and the console in a temporary home."""
