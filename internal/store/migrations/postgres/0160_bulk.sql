-- Bulk sends: one document sent to many. A row's cells and what stands against it are
-- personal data of its document, if it has one.
CREATE TABLE bulk_send (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, template text COLLATE "C" NOT NULL, columns text COLLATE "C" NOT NULL, caller text COLLATE "C" NOT NULL,
  operation_id text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, code text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL, total bigint NOT NULL, sent bigint NOT NULL, refused bigint NOT NULL,
  created_at bigint, ended_at bigint, revision bigint NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX bulk_send_operation ON bulk_send (org, operation_id);
CREATE TABLE bulk_row (
  org text COLLATE "C" NOT NULL, bulk_id text COLLATE "C" NOT NULL, number bigint NOT NULL, state text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, envelope_id text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL, settled_at bigint, cells text COLLATE "C", reason text COLLATE "C" NOT NULL, faults text COLLATE "C",
  PRIMARY KEY (org, bulk_id, number)
);
CREATE INDEX bulk_row_state ON bulk_row (org, bulk_id, state, number);
CREATE INDEX bulk_row_document ON bulk_row (org, document_id) WHERE document_id <> '';
