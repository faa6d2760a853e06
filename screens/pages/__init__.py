"""One file for each page of the menu, its styles and its help beside it."""
