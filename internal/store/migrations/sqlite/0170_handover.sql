-- Business units that are handed over: archives that were made of one, and archives
-- that came in. The files lie apart, since no backup holds them.
CREATE TABLE handover_file (
  org TEXT NOT NULL, id TEXT NOT NULL, blob TEXT NOT NULL, key_id TEXT NOT NULL, data_key BLOB NOT NULL, size BIGINT NOT NULL, sha256 TEXT NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX handover_file_blob ON handover_file (blob);
CREATE TABLE unit_export (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, operation_id TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, made_by TEXT NOT NULL,
  manifest_sha256 TEXT NOT NULL, counts TEXT NOT NULL, log_size BIGINT NOT NULL, size BIGINT NOT NULL, sha256 TEXT NOT NULL,
  created_at BIGINT, ended_at BIGINT, expires_at BIGINT, revision BIGINT NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX unit_export_unit ON unit_export (org, unit, id);
CREATE INDEX unit_export_expires ON unit_export (expires_at) WHERE state = 'ready';
CREATE TABLE unit_import (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, operation_id TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, made_by TEXT NOT NULL,
  size BIGINT NOT NULL, sha256 TEXT NOT NULL, manifest_sha256 TEXT NOT NULL, origin TEXT NOT NULL, documents BIGINT NOT NULL, made BIGINT NOT NULL, known BIGINT NOT NULL,
  disposed BIGINT NOT NULL, failed BIGINT NOT NULL, created_at BIGINT, ended_at BIGINT, revision BIGINT NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX unit_import_unit ON unit_import (org, unit, id);
CREATE TABLE import_row (
  org TEXT NOT NULL, import_id TEXT NOT NULL, number BIGINT NOT NULL, unit TEXT NOT NULL, manifest_sha256 TEXT NOT NULL, origin_id TEXT NOT NULL, document_id TEXT NOT NULL,
  outcome TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (org, import_id, number)
);
CREATE UNIQUE INDEX import_row_made ON import_row (org, unit, manifest_sha256, origin_id) WHERE outcome = 'made';
CREATE INDEX import_row_document ON import_row (org, document_id);
