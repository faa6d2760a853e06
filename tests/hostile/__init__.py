"""Values that are valid by their types and meant badly, and a control socket that answers with them."""
