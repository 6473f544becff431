-- Uploads that can be resumed: how far each has come, and the pieces that came in.
CREATE TABLE upload (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, owner text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, length bigint NOT NULL, position bigint NOT NULL, parts bigint NOT NULL,
  details text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, operation_id text COLLATE "C" NOT NULL, code text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL,
  created_at bigint, expires_at bigint, revision bigint NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX upload_expires ON upload (expires_at);
CREATE INDEX upload_owner ON upload (org, owner);
CREATE TABLE upload_part (
  org text COLLATE "C" NOT NULL, upload_id text COLLATE "C" NOT NULL, number bigint NOT NULL, blob text COLLATE "C" NOT NULL, key_id text COLLATE "C" NOT NULL, data_key bytea NOT NULL,
  size bigint NOT NULL, sha256 text COLLATE "C" NOT NULL,
  PRIMARY KEY (org, upload_id, number)
);
CREATE INDEX upload_part_blob ON upload_part (blob);
