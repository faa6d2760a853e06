"""What several pages do in the same way: save, test, approve host keys, leave, send."""
