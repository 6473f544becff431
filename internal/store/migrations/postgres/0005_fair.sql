-- Fair shares: an operation waits here until a worker has ended it.
ALTER TABLE unit ADD COLUMN weight bigint NOT NULL DEFAULT 1;
ALTER TABLE document_type ADD COLUMN weight bigint NOT NULL DEFAULT 1;
ALTER TABLE document_type ADD COLUMN max_running bigint NOT NULL DEFAULT 0;

CREATE TABLE backlog (
  org text COLLATE "C" NOT NULL, operation_id text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, doc_type text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL,
  document_id text COLLATE "C" NOT NULL, trace text COLLATE "C" NOT NULL, enqueued_at bigint, due_at bigint, holder text COLLATE "C" NOT NULL,
  token bigint NOT NULL, failures bigint NOT NULL, deaths bigint NOT NULL, alone boolean NOT NULL,
  code text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL,
  PRIMARY KEY (org, operation_id)
);
CREATE INDEX backlog_waiting ON backlog (kind, org, doc_type, unit, alone, due_at, operation_id) WHERE holder = '';
CREATE INDEX backlog_held ON backlog (holder, org, doc_type) WHERE holder <> '';
CREATE INDEX backlog_alone ON backlog (due_at) WHERE holder = '' AND alone = TRUE;

-- The tags of fair queuing, by the level of the node: installation, organisation, type, unit.
CREATE TABLE turn (
  kind text COLLATE "C" NOT NULL, level bigint NOT NULL, org text COLLATE "C" NOT NULL, doc_type text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL,
  clock bigint NOT NULL, finish bigint NOT NULL,
  PRIMARY KEY (kind, level, org, doc_type, unit)
);

-- Pages that a capture has read, encrypted, until it ends.
CREATE TABLE kept_page (
  org text COLLATE "C" NOT NULL, operation_id text COLLATE "C" NOT NULL, number bigint NOT NULL, data bytea NOT NULL,
  PRIMARY KEY (org, operation_id, number)
);
