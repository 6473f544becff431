-- How far the PDF signatures in a version are protected, and until when.
ALTER TABLE version ADD COLUMN level text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE version ADD COLUMN protected_until bigint;
ALTER TABLE version ADD COLUMN protected_by text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE version ADD COLUMN stamped_at bigint;

-- What has to be kept protected: a signed file with whatever was added to it,
-- named by the version it began with; and when something is to be done next.
CREATE TABLE protection (
  org text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, line bigint NOT NULL, version bigint NOT NULL, own boolean NOT NULL, level text COLLATE "C" NOT NULL,
  until bigint, stamped_at bigint, because text COLLATE "C" NOT NULL, wanted text COLLATE "C" NOT NULL, renew boolean NOT NULL, code text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL,
  since bigint, attempts bigint NOT NULL, due_at bigint,
  PRIMARY KEY (org, document_id, line)
);
CREATE INDEX protection_due ON protection (org, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX protection_until ON protection (org, until);
-- What the leader looks for after the settings have changed.
CREATE INDEX protection_wanted ON protection (wanted, own);

-- What was added to an archive package after it was closed.
CREATE TABLE archive_addition (
  org text COLLATE "C" NOT NULL, record_id text COLLATE "C" NOT NULL, number bigint NOT NULL, document_id text COLLATE "C" NOT NULL, version bigint NOT NULL,
  sha256 text COLLATE "C" NOT NULL, package text COLLATE "C" NOT NULL, package_sha256 text COLLATE "C" NOT NULL, package_size bigint NOT NULL, files text COLLATE "C", added_at bigint,
  PRIMARY KEY (org, record_id, number)
);
CREATE INDEX archive_addition_document ON archive_addition (org, document_id);
