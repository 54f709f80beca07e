-- The directory: who exists. Never on the path of a lock or a file operation.
CREATE TABLE organizations (
  id          TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  created_at  INTEGER NOT NULL -- epoch ms
) WITHOUT ROWID;

CREATE TABLE agents (
  id            TEXT PRIMARY KEY,
  organization  TEXT NOT NULL,
  name          TEXT NOT NULL,
  role          TEXT NOT NULL,   -- admin: may create agents and workspaces; member: may not
  created_at    INTEGER NOT NULL, -- epoch ms
  created_by    TEXT              -- agent; null: the operator
) WITHOUT ROWID;
CREATE INDEX agents_by_organization ON agents (organization, id);

CREATE TABLE api_keys (
  id          TEXT PRIMARY KEY,
  agent       TEXT NOT NULL,
  hash        TEXT NOT NULL,   -- SHA-256 of the key, hex; the key itself is stored nowhere
  created_at  INTEGER NOT NULL -- epoch ms
) WITHOUT ROWID;

CREATE TABLE workspaces (
  number        INTEGER PRIMARY KEY, -- short name of the workspace in the audit log
  id            TEXT NOT NULL UNIQUE,
  organization  TEXT NOT NULL,
  name          TEXT NOT NULL,
  created_at    INTEGER NOT NULL, -- epoch ms
  created_by    TEXT NOT NULL     -- agent
);
CREATE INDEX workspaces_by_organization ON workspaces (organization, number);

-- Answers already given to directory calls, by caller and Idempotency-Key.
CREATE TABLE directory_replies (
  id           TEXT PRIMARY KEY,
  fingerprint  TEXT NOT NULL,
  reply        TEXT NOT NULL,   -- JSON, without secrets
  at           INTEGER NOT NULL -- epoch ms
) WITHOUT ROWID;

-- What was done in the directory.
CREATE TABLE directory_events (
  seq           INTEGER PRIMARY KEY,
  organization  TEXT NOT NULL,
  at            INTEGER NOT NULL, -- epoch ms
  action        TEXT NOT NULL,
  outcome       TEXT NOT NULL,    -- accepted, refused
  code          TEXT,             -- why refused
  agent         TEXT,             -- null: the operator
  key           TEXT,
  detail        TEXT NOT NULL     -- JSON
);
CREATE INDEX directory_events_by_organization ON directory_events (organization, seq);

-- The audit log. Three rows written for each event: itself and two indexes (docs/costs.md).
CREATE TABLE events (
  workspace  INTEGER NOT NULL, -- workspaces.number
  seq        INTEGER NOT NULL, -- the workspace's order, without gaps
  at         INTEGER NOT NULL, -- epoch ms, by the clock of the object that decided
  action     TEXT NOT NULL,
  outcome    TEXT NOT NULL,    -- accepted, refused
  code       TEXT,             -- why refused
  agent      TEXT,             -- null: time did it
  key        TEXT,
  file       TEXT,             -- null: it concerns the workspace
  n          INTEGER NOT NULL, -- the event's number within its file, 0 for the workspace's own
  detail     TEXT NOT NULL,    -- JSON
  PRIMARY KEY (workspace, seq)
) WITHOUT ROWID;
CREATE INDEX events_by_agent ON events (agent, workspace, seq);
CREATE INDEX events_by_file ON events (file, seq);
