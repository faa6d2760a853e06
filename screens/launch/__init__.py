"""How the console begins: painted before Textual is imported, beside the engine's commands."""
