-- Bulk sends: one document sent to many. A row's cells and what stands against it are
-- personal data of its document, if it has one.
CREATE TABLE bulk_send (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, document_id TEXT NOT NULL, template TEXT NOT NULL, columns TEXT NOT NULL, caller TEXT NOT NULL,
  operation_id TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL, total BIGINT NOT NULL, sent BIGINT NOT NULL, refused BIGINT NOT NULL,
  created_at BIGINT, ended_at BIGINT, revision BIGINT NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX bulk_send_operation ON bulk_send (org, operation_id);
CREATE TABLE bulk_row (
  org TEXT NOT NULL, bulk_id TEXT NOT NULL, number BIGINT NOT NULL, state TEXT NOT NULL, document_id TEXT NOT NULL, envelope_id TEXT NOT NULL,
  code TEXT NOT NULL, settled_at BIGINT, cells TEXT, reason TEXT NOT NULL, faults TEXT,
  PRIMARY KEY (org, bulk_id, number)
);
CREATE INDEX bulk_row_state ON bulk_row (org, bulk_id, state, number);
CREATE INDEX bulk_row_document ON bulk_row (org, document_id) WHERE document_id <> '';
