"""What tests of reports share: a server of reports that misbehaves, and a service at work."""
