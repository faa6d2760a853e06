"""The routes of the control socket, one file a subject."""
