-- Business units that are handed over: archives that were made of one, and archives
-- that came in. The files lie apart, since no backup holds them.
CREATE TABLE handover_file (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, blob text COLLATE "C" NOT NULL, key_id text COLLATE "C" NOT NULL, data_key bytea NOT NULL, size bigint NOT NULL, sha256 text COLLATE "C" NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX handover_file_blob ON handover_file (blob);
CREATE TABLE unit_export (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, operation_id text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, code text COLLATE "C" NOT NULL, made_by text COLLATE "C" NOT NULL,
  manifest_sha256 text COLLATE "C" NOT NULL, counts text COLLATE "C" NOT NULL, log_size bigint NOT NULL, size bigint NOT NULL, sha256 text COLLATE "C" NOT NULL,
  created_at bigint, ended_at bigint, expires_at bigint, revision bigint NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX unit_export_unit ON unit_export (org, unit, id);
CREATE INDEX unit_export_expires ON unit_export (expires_at) WHERE state = 'ready';
CREATE TABLE unit_import (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, operation_id text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, code text COLLATE "C" NOT NULL, made_by text COLLATE "C" NOT NULL,
  size bigint NOT NULL, sha256 text COLLATE "C" NOT NULL, manifest_sha256 text COLLATE "C" NOT NULL, origin text COLLATE "C" NOT NULL, documents bigint NOT NULL, made bigint NOT NULL, known bigint NOT NULL,
  disposed bigint NOT NULL, failed bigint NOT NULL, created_at bigint, ended_at bigint, revision bigint NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX unit_import_unit ON unit_import (org, unit, id);
CREATE TABLE import_row (
  org text COLLATE "C" NOT NULL, import_id text COLLATE "C" NOT NULL, number bigint NOT NULL, unit text COLLATE "C" NOT NULL, manifest_sha256 text COLLATE "C" NOT NULL, origin_id text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL, code text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL,
  PRIMARY KEY (org, import_id, number)
);
CREATE UNIQUE INDEX import_row_made ON import_row (org, unit, manifest_sha256, origin_id) WHERE outcome = 'made';
CREATE INDEX import_row_document ON import_row (org, document_id);
