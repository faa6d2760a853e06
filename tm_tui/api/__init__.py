"""What the control socket says and how it is asked: shapes, and the client. No server is in it."""
