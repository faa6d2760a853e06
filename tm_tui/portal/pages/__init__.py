"""The portal's web pages for its operator: server-rendered, without a script, behind a log-on."""
