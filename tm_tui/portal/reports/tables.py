"""What the portal's database holds for reports. All but the finished ones comes anew from the batches."""

__all__ = ["SCHEMA"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS threats (
    appliance TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL, received_at REAL NOT NULL,
    hostname TEXT NOT NULL, address TEXT NOT NULL, event_type TEXT NOT NULL, source TEXT NOT NULL,
    status TEXT NOT NULL, severity TEXT NOT NULL, threat TEXT NOT NULL,
    PRIMARY KEY (appliance, id)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS threats_at ON threats (appliance, at);
CREATE INDEX IF NOT EXISTS threats_of ON threats (appliance, threat, at, hostname);
CREATE TABLE IF NOT EXISTS root_causes (
    appliance TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL, received_at REAL NOT NULL,
    hostname TEXT NOT NULL, address TEXT NOT NULL, threat_event_id TEXT NOT NULL, chain TEXT NOT NULL,
    waiting INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (appliance, id)) STRICT;
CREATE INDEX IF NOT EXISTS root_causes_at ON root_causes (appliance, at);
CREATE INDEX IF NOT EXISTS root_causes_waiting ON root_causes (appliance, at) WHERE waiting;
CREATE INDEX IF NOT EXISTS root_causes_longest ON root_causes (received_at) WHERE waiting;
CREATE TABLE IF NOT EXISTS report_batches (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reports (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, appliance TEXT NOT NULL, kind TEXT NOT NULL,
    title TEXT NOT NULL, made_at REAL NOT NULL, text TEXT NOT NULL, bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS reports_of ON reports (appliance, number);
"""
