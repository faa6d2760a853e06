-- The tables of the portals before Alembic, as they made them.
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, secret TEXT NOT NULL, created_at REAL NOT NULL,
    role TEXT NOT NULL DEFAULT 'appliance') STRICT;
CREATE TABLE IF NOT EXISTS products (
    appliance TEXT PRIMARY KEY, product TEXT NOT NULL, version TEXT NOT NULL, edition TEXT NOT NULL,
    email TEXT NOT NULL, account TEXT NOT NULL, heartbeat_seconds INTEGER NOT NULL,
    registered_at REAL NOT NULL, updated_at REAL NOT NULL, beats INTEGER NOT NULL DEFAULT 0,
    last_beat_at REAL, revision INTEGER,
    uptime_seconds REAL, waiting_events INTEGER, clock_skew_seconds REAL) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    number INTEGER PRIMARY KEY, appliance TEXT, kind TEXT NOT NULL, id TEXT NOT NULL, title TEXT NOT NULL,
    created_at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, appliance TEXT NOT NULL, kind TEXT NOT NULL,
    events INTEGER NOT NULL, bytes INTEGER NOT NULL, received_at REAL NOT NULL, first_seq INTEGER,
    last_seq INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS batches_of ON batches (appliance, number);
CREATE TABLE IF NOT EXISTS endpoints (
    appliance TEXT NOT NULL, key TEXT NOT NULL, hostname TEXT NOT NULL, ip TEXT, mac TEXT,
    status TEXT NOT NULL, event_type TEXT NOT NULL, threat TEXT NOT NULL, severity TEXT NOT NULL,
    event_id TEXT NOT NULL, at REAL NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (appliance, key)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS read_batches (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
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
CREATE TABLE IF NOT EXISTS cases (
    upload TEXT PRIMARY KEY, key TEXT NOT NULL, appliance TEXT NOT NULL, account TEXT NOT NULL,
    form TEXT NOT NULL, bytes INTEGER NOT NULL, arrived INTEGER NOT NULL DEFAULT 0, sha256 TEXT NOT NULL,
    endpoint TEXT NOT NULL, threat TEXT NOT NULL, description TEXT NOT NULL, touched_at REAL NOT NULL,
    number INTEGER UNIQUE, status TEXT NOT NULL DEFAULT 'new-case-received', received_at REAL,
    updated_at REAL, pattern_id TEXT NOT NULL DEFAULT '') STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS cases_by_key ON cases (appliance, key);
CREATE TABLE IF NOT EXISTS appliances (
    appliance TEXT PRIMARY KEY, account TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS appliances_of ON appliances (account);
CREATE TABLE IF NOT EXISTS instances (
    appliance TEXT NOT NULL, instance TEXT NOT NULL, address TEXT NOT NULL, first_at REAL NOT NULL,
    last_at REAL NOT NULL, PRIMARY KEY (appliance, instance)) STRICT, WITHOUT ROWID;
