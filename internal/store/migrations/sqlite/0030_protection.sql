-- How far the PDF signatures in a version are protected, and until when.
ALTER TABLE version ADD COLUMN level TEXT NOT NULL DEFAULT '';
ALTER TABLE version ADD COLUMN protected_until BIGINT;
ALTER TABLE version ADD COLUMN protected_by TEXT NOT NULL DEFAULT '';
ALTER TABLE version ADD COLUMN stamped_at BIGINT;

-- What has to be kept protected: a signed file with whatever was added to it,
-- named by the version it began with; and when something is to be done next.
CREATE TABLE protection (
  org TEXT NOT NULL, document_id TEXT NOT NULL, line BIGINT NOT NULL, version BIGINT NOT NULL, own BOOLEAN NOT NULL, level TEXT NOT NULL,
  until BIGINT, stamped_at BIGINT, because TEXT NOT NULL, wanted TEXT NOT NULL, renew BOOLEAN NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
  since BIGINT, attempts BIGINT NOT NULL, due_at BIGINT,
  PRIMARY KEY (org, document_id, line)
);
CREATE INDEX protection_due ON protection (org, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX protection_until ON protection (org, until);
-- What the leader looks for after the settings have changed.
CREATE INDEX protection_wanted ON protection (wanted, own);

-- What was added to an archive package after it was closed.
CREATE TABLE archive_addition (
  org TEXT NOT NULL, record_id TEXT NOT NULL, number BIGINT NOT NULL, document_id TEXT NOT NULL, version BIGINT NOT NULL,
  sha256 TEXT NOT NULL, package TEXT NOT NULL, package_sha256 TEXT NOT NULL, package_size BIGINT NOT NULL, files TEXT, added_at BIGINT,
  PRIMARY KEY (org, record_id, number)
);
CREATE INDEX archive_addition_document ON archive_addition (org, document_id);
