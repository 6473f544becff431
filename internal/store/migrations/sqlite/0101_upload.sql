-- Uploads that can be resumed: how far each has come, and the pieces that came in.
CREATE TABLE upload (
  org TEXT NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL, unit TEXT NOT NULL, length BIGINT NOT NULL, position BIGINT NOT NULL, parts BIGINT NOT NULL,
  details TEXT NOT NULL, document_id TEXT NOT NULL, operation_id TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
  created_at BIGINT, expires_at BIGINT, revision BIGINT NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX upload_expires ON upload (expires_at);
CREATE INDEX upload_owner ON upload (org, owner);
CREATE TABLE upload_part (
  org TEXT NOT NULL, upload_id TEXT NOT NULL, number BIGINT NOT NULL, blob TEXT NOT NULL, key_id TEXT NOT NULL, data_key BLOB NOT NULL,
  size BIGINT NOT NULL, sha256 TEXT NOT NULL,
  PRIMARY KEY (org, upload_id, number)
);
CREATE INDEX upload_part_blob ON upload_part (blob);
