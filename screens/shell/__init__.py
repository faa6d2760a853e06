"""What stands around the pages: the app, the main screen, menu, panel, test pane, keys."""
