"""Links to servers. The only folder that opens connections: one dialer, one trust, one set of failures."""
