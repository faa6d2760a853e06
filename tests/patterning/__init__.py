"""Pattern repositories made with python-tuf alone, servers that give them out, and what fetches them."""
