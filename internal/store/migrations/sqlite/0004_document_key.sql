-- A document's own key stands between its unit's key and the keys of its files.
-- Destroying it takes away `wrapped`; the row stays and says so.
CREATE TABLE document_key (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, document_id TEXT NOT NULL, key_id TEXT NOT NULL, wrapped BLOB,
  created_at BIGINT, destroyed_at BIGINT,
  UNIQUE (org, document_id)
);
CREATE INDEX IF NOT EXISTS document_key_document ON document_key (document_id);
CREATE INDEX document_key_wrapped ON document_key (key_id);
CREATE INDEX IF NOT EXISTS blob_key ON blob (key_id);

-- The document whose details a kept result holds, so that they can go with it.
ALTER TABLE idempotency ADD COLUMN document_id TEXT NOT NULL DEFAULT '';
CREATE INDEX idempotency_document ON idempotency (document_id) WHERE document_id <> '';

-- What is taken out of the search index is really taken out of its pages.
INSERT INTO page_fts (page_fts, rank) VALUES ('secure-delete', 1);
