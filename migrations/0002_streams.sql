-- The directory lives in an object for each organization now; D1 keeps the audit log alone.
CREATE TABLE streams (
  number  INTEGER PRIMARY KEY, -- short name of an organization or a workspace in the audit log
  id      TEXT NOT NULL UNIQUE
);
INSERT INTO streams (number, id) SELECT number, id FROM workspaces;
ALTER TABLE events RENAME COLUMN workspace TO stream;
DROP TABLE directory_events;
DROP TABLE directory_replies;
DROP TABLE workspaces;
DROP TABLE api_keys;
DROP TABLE agents;
DROP TABLE organizations;
