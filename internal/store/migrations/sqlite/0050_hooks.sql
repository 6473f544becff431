-- Webhooks that come in: who may send them, the secrets they are checked with, and
-- what was received.
CREATE TABLE hook_source (
  org TEXT NOT NULL, id TEXT PRIMARY KEY, unit TEXT NOT NULL, name TEXT NOT NULL, preset TEXT NOT NULL, scheme TEXT NOT NULL,
  trust TEXT NOT NULL, tolerance BIGINT NOT NULL, client_id TEXT NOT NULL, command TEXT NOT NULL, program TEXT NOT NULL, facts TEXT NOT NULL,
  disabled BOOLEAN NOT NULL, created_at BIGINT, updated_at BIGINT, revision BIGINT NOT NULL
);
CREATE INDEX hook_source_org ON hook_source (org, id);

-- A secret is sealed by the key of small values. One that has run out stays for a while.
CREATE TABLE hook_secret (
  org TEXT NOT NULL, id TEXT PRIMARY KEY, source_id TEXT NOT NULL, purpose TEXT NOT NULL, sealed BLOB NOT NULL, created_at BIGINT, expires_at BIGINT
);
CREATE INDEX hook_secret_source ON hook_secret (source_id, id);

-- An event that came in, by webhook or bus. Its name is unique for each source: a
-- repetition finds it. forgettable says that its signed time keeps it from being repeated.
CREATE TABLE inbound (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, via TEXT NOT NULL, source_id TEXT NOT NULL, event_id TEXT NOT NULL, kind TEXT NOT NULL,
  trust TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL, attempts BIGINT NOT NULL, document_id TEXT NOT NULL,
  payload BLOB, size BIGINT NOT NULL, received_at BIGINT, ended_at BIGINT, revision BIGINT NOT NULL, forgettable BOOLEAN NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX inbound_name ON inbound (org, source_id, event_id);
CREATE INDEX inbound_state ON inbound (org, state, id);
CREATE INDEX inbound_source ON inbound (org, source_id, id);
CREATE INDEX inbound_document ON inbound (org, document_id) WHERE document_id <> '';
CREATE INDEX inbound_kept ON inbound (ended_at) WHERE payload IS NOT NULL AND ended_at IS NOT NULL;
CREATE INDEX inbound_quarantined ON inbound (received_at) WHERE state = 'quarantined';
