"""A whole portal in one folder, taken while it runs, and a portal made of such a folder."""
