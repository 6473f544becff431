-- Webhooks that come in: who may send them, the secrets they are checked with, and
-- what was received.
CREATE TABLE hook_source (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" PRIMARY KEY, unit text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, preset text COLLATE "C" NOT NULL, scheme text COLLATE "C" NOT NULL,
  trust text COLLATE "C" NOT NULL, tolerance bigint NOT NULL, client_id text COLLATE "C" NOT NULL, command text COLLATE "C" NOT NULL, program text COLLATE "C" NOT NULL, facts text COLLATE "C" NOT NULL,
  disabled boolean NOT NULL, created_at bigint, updated_at bigint, revision bigint NOT NULL
);
CREATE INDEX hook_source_org ON hook_source (org, id);

-- A secret is sealed by the key of small values. One that has run out stays for a while.
CREATE TABLE hook_secret (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" PRIMARY KEY, source_id text COLLATE "C" NOT NULL, purpose text COLLATE "C" NOT NULL, sealed bytea NOT NULL, created_at bigint, expires_at bigint
);
CREATE INDEX hook_secret_source ON hook_secret (source_id, id);

-- An event that came in, by webhook or bus. Its name is unique for each source: a
-- repetition finds it. forgettable says that its signed time keeps it from being repeated.
CREATE TABLE inbound (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, via text COLLATE "C" NOT NULL, source_id text COLLATE "C" NOT NULL, event_id text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL,
  trust text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, code text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL, attempts bigint NOT NULL, document_id text COLLATE "C" NOT NULL,
  payload bytea, size bigint NOT NULL, received_at bigint, ended_at bigint, revision bigint NOT NULL, forgettable boolean NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX inbound_name ON inbound (org, source_id, event_id);
CREATE INDEX inbound_state ON inbound (org, state, id);
CREATE INDEX inbound_source ON inbound (org, source_id, id);
CREATE INDEX inbound_document ON inbound (org, document_id) WHERE document_id <> '';
CREATE INDEX inbound_kept ON inbound (ended_at) WHERE payload IS NOT NULL AND ended_at IS NOT NULL;
CREATE INDEX inbound_quarantined ON inbound (received_at) WHERE state = 'quarantined';
