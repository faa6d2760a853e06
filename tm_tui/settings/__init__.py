"""What the admin decides: its model, its rules, its files. Imported by the engine and by the face."""
