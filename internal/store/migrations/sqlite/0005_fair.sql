-- Fair shares: an operation waits here until a worker has ended it.
ALTER TABLE unit ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;
ALTER TABLE document_type ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;
ALTER TABLE document_type ADD COLUMN max_running BIGINT NOT NULL DEFAULT 0;

CREATE TABLE backlog (
  org TEXT NOT NULL, operation_id TEXT NOT NULL, kind TEXT NOT NULL, doc_type TEXT NOT NULL, unit TEXT NOT NULL,
  document_id TEXT NOT NULL, trace TEXT NOT NULL, enqueued_at BIGINT, due_at BIGINT, holder TEXT NOT NULL,
  token BIGINT NOT NULL, failures BIGINT NOT NULL, deaths BIGINT NOT NULL, alone BOOLEAN NOT NULL,
  code TEXT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (org, operation_id)
);
CREATE INDEX backlog_waiting ON backlog (kind, org, doc_type, unit, alone, due_at, operation_id) WHERE holder = '';
CREATE INDEX backlog_held ON backlog (holder, org, doc_type) WHERE holder <> '';
CREATE INDEX backlog_alone ON backlog (due_at) WHERE holder = '' AND alone = TRUE;

-- The tags of fair queuing, by the level of the node: installation, organisation, type, unit.
CREATE TABLE turn (
  kind TEXT NOT NULL, level BIGINT NOT NULL, org TEXT NOT NULL, doc_type TEXT NOT NULL, unit TEXT NOT NULL,
  clock BIGINT NOT NULL, finish BIGINT NOT NULL,
  PRIMARY KEY (kind, level, org, doc_type, unit)
);

-- Pages that a capture has read, encrypted, until it ends.
CREATE TABLE kept_page (
  org TEXT NOT NULL, operation_id TEXT NOT NULL, number BIGINT NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (org, operation_id, number)
);
