-- Times are microseconds since 1970 in UTC, NULL where there is none. JSON is text.

CREATE TABLE organisation (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at BIGINT
);

CREATE TABLE client (
  id TEXT PRIMARY KEY, org TEXT NOT NULL REFERENCES organisation (id), name TEXT NOT NULL, principal TEXT NOT NULL,
  scopes TEXT NOT NULL, units TEXT NOT NULL, secret_hash BLOB, created_at BIGINT, revoked_at BIGINT
);
CREATE INDEX client_org ON client (org, id);

CREATE TABLE unit (
  org TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, created_at BIGINT,
  PRIMARY KEY (org, name)
);

CREATE TABLE document_type (
  org TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, schema TEXT, revision BIGINT NOT NULL,
  created_at BIGINT, updated_at BIGINT,
  PRIMARY KEY (org, name)
);

CREATE TABLE document (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, doc_type TEXT NOT NULL, title TEXT NOT NULL,
  external_id TEXT NOT NULL, labels TEXT NOT NULL, metadata TEXT, approvers TEXT NOT NULL, created_by TEXT NOT NULL,
  created_at BIGINT, updated_at BIGINT, state TEXT NOT NULL, current_version BIGINT NOT NULL, pages BIGINT NOT NULL,
  proc_status TEXT NOT NULL, proc_step TEXT NOT NULL, proc_operation TEXT NOT NULL, proc_code TEXT NOT NULL,
  proc_reason TEXT NOT NULL, revision BIGINT NOT NULL, entry_seq BIGINT NOT NULL, last_leaf BLOB,
  PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX document_external ON document (org, external_id) WHERE external_id <> '';
CREATE INDEX document_state ON document (org, state, id);

CREATE TABLE version (
  org TEXT NOT NULL, document_id TEXT NOT NULL, number BIGINT NOT NULL, kind TEXT NOT NULL, derived_from BIGINT NOT NULL,
  media_type TEXT NOT NULL, file_name TEXT NOT NULL, blob TEXT NOT NULL, sha256 TEXT NOT NULL, size BIGINT NOT NULL,
  pages BIGINT NOT NULL, signatures BIGINT NOT NULL, created_at BIGINT,
  PRIMARY KEY (org, document_id, number),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);

CREATE TABLE page (
  rid INTEGER PRIMARY KEY,
  org TEXT NOT NULL, document_id TEXT NOT NULL, version BIGINT NOT NULL, number BIGINT NOT NULL, width DOUBLE NOT NULL,
  height DOUBLE NOT NULL, turned BIGINT NOT NULL, blank BOOLEAN NOT NULL, source TEXT NOT NULL, engine TEXT NOT NULL,
  confidence DOUBLE NOT NULL, words BIGINT NOT NULL, blob TEXT NOT NULL, text TEXT NOT NULL, folded TEXT NOT NULL,
  UNIQUE (org, document_id, version, number),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);
-- Any three characters in a row are looked up by this index. The text is folded
-- by the program, so the index takes it as it is.
CREATE VIRTUAL TABLE page_fts USING fts5(folded, content='page', content_rowid='rid', columnsize=0, tokenize='trigram case_sensitive 1');
CREATE TRIGGER page_inserted AFTER INSERT ON page WHEN new.folded <> '' BEGIN
  INSERT INTO page_fts (rowid, folded) VALUES (new.rid, new.folded);
END;
CREATE TRIGGER page_deleted AFTER DELETE ON page WHEN old.folded <> '' BEGIN
  INSERT INTO page_fts (page_fts, rowid, folded) VALUES ('delete', old.rid, old.folded);
END;

CREATE TABLE unit_key (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, unit TEXT NOT NULL, class TEXT NOT NULL, master_id TEXT NOT NULL,
  wrapped BLOB, created_at BIGINT,
  UNIQUE (org, unit, class)
);

CREATE TABLE blob (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, key_id TEXT NOT NULL, data_key BLOB, size BIGINT NOT NULL,
  sha256 TEXT NOT NULL, created_at BIGINT, destroyed_at BIGINT
);

CREATE TABLE approval (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, document_id TEXT NOT NULL, document_version BIGINT NOT NULL,
  document_sha256 TEXT NOT NULL, initiator_user TEXT NOT NULL, initiator_email TEXT NOT NULL, mode TEXT NOT NULL,
  quorum BIGINT NOT NULL, due_at BIGINT, state TEXT NOT NULL, created_at BIGINT, closed_at BIGINT, revision BIGINT NOT NULL,
  PRIMARY KEY (org, id),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);
CREATE INDEX approval_document ON approval (org, document_id);
CREATE UNIQUE INDEX approval_open ON approval (org, document_id) WHERE state = 'open';

CREATE TABLE task (
  org TEXT NOT NULL, id TEXT NOT NULL, approval_id TEXT NOT NULL, document_id TEXT NOT NULL, position BIGINT NOT NULL,
  assignee TEXT NOT NULL, state TEXT NOT NULL, comment TEXT NOT NULL, decided_by TEXT NOT NULL, on_behalf_of TEXT NOT NULL,
  opened_at BIGINT, decided_at BIGINT,
  PRIMARY KEY (org, id),
  FOREIGN KEY (org, approval_id) REFERENCES approval (org, id)
);
CREATE INDEX task_approval ON task (org, approval_id, position);
CREATE INDEX task_assignee ON task (org, assignee, document_id);

CREATE TABLE envelope (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, document_id TEXT NOT NULL, version BIGINT NOT NULL,
  sha256 TEXT NOT NULL, subject TEXT NOT NULL, message TEXT NOT NULL, sender_id TEXT NOT NULL, state TEXT NOT NULL,
  reason TEXT NOT NULL, expires_at BIGINT, created_at BIGINT, sent_at BIGINT, closed_at BIGINT, revision BIGINT NOT NULL,
  sealed_version BIGINT NOT NULL,
  PRIMARY KEY (org, id),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);
CREATE INDEX envelope_document ON envelope (org, document_id);

CREATE TABLE recipient (
  org TEXT NOT NULL, id TEXT NOT NULL, envelope_id TEXT NOT NULL, document_id TEXT NOT NULL, position BIGINT NOT NULL,
  sign_order BIGINT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, state TEXT NOT NULL,
  sent_at BIGINT, delivered_at BIGINT, viewed_at BIGINT, consented_at BIGINT, signed_at BIGINT, declined_at BIGINT,
  reason TEXT NOT NULL, reminders BIGINT NOT NULL, reminded_at BIGINT, evidence TEXT NOT NULL, signature TEXT NOT NULL,
  PRIMARY KEY (org, id),
  FOREIGN KEY (org, envelope_id) REFERENCES envelope (org, id)
);
CREATE INDEX recipient_envelope ON recipient (org, envelope_id, position);
CREATE INDEX recipient_email ON recipient (org, email, document_id);

CREATE TABLE link (
  token_hash BLOB PRIMARY KEY, org TEXT NOT NULL, envelope_id TEXT NOT NULL, recipient_id TEXT NOT NULL,
  channel TEXT NOT NULL, created_at BIGINT, expires_at BIGINT
);
CREATE INDEX link_expires ON link (expires_at);

CREATE TABLE entry (
  id TEXT PRIMARY KEY, idx BIGINT, org TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL, subject_type TEXT NOT NULL,
  subject_id TEXT NOT NULL, document_id TEXT NOT NULL, doc_version BIGINT NOT NULL, doc_seq BIGINT NOT NULL, at BIGINT,
  actor_kind TEXT NOT NULL, actor_id TEXT NOT NULL, principal TEXT NOT NULL, on_behalf_of TEXT NOT NULL,
  peer TEXT NOT NULL, forwarded TEXT NOT NULL, user_agent TEXT NOT NULL, request_id TEXT NOT NULL,
  digests TEXT NOT NULL, data TEXT, trace TEXT NOT NULL, salt BLOB NOT NULL, prev_leaf BLOB NOT NULL, leaf BLOB NOT NULL
);
CREATE UNIQUE INDEX entry_idx ON entry (idx) WHERE idx IS NOT NULL;
CREATE INDEX entry_pending ON entry (id) WHERE idx IS NULL;
CREATE INDEX entry_org ON entry (org, idx) WHERE idx IS NOT NULL;
-- A document's own chain has no two entries of one place.
CREATE UNIQUE INDEX entry_document ON entry (document_id, doc_seq) WHERE document_id <> '';
CREATE INDEX entry_subject ON entry (subject_id) WHERE subject_id <> document_id;

CREATE TABLE tree_hash (pos INTEGER PRIMARY KEY, hash BLOB NOT NULL);

CREATE TABLE checkpoint (
  size INTEGER PRIMARY KEY, root BLOB NOT NULL, epoch BIGINT NOT NULL, note TEXT NOT NULL, at BIGINT
);

CREATE TABLE log_head (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1), size BIGINT NOT NULL, root BLOB NOT NULL, epoch BIGINT NOT NULL
);
-- The root of the empty tree is SHA-256 of nothing (RFC 6962, section 2.1).
INSERT INTO log_head VALUES (1, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0);

CREATE TABLE lease (
  name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch BIGINT NOT NULL, until BIGINT NOT NULL
);

CREATE TABLE operation (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL, document_id TEXT NOT NULL,
  envelope_id TEXT NOT NULL, state TEXT NOT NULL, step TEXT NOT NULL, done BIGINT NOT NULL, total BIGINT NOT NULL,
  attempts BIGINT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL, retryable BOOLEAN NOT NULL,
  created_at BIGINT, started_at BIGINT, ended_at BIGINT, revision BIGINT NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX operation_document ON operation (org, document_id);
CREATE INDEX operation_open ON operation (kind, created_at) WHERE state IN ('pending', 'running');

CREATE TABLE archive_record (
  org TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, document_id TEXT NOT NULL, version BIGINT NOT NULL,
  sha256 TEXT NOT NULL, package TEXT NOT NULL, package_sha256 TEXT NOT NULL, package_size BIGINT NOT NULL, files TEXT,
  rule TEXT NOT NULL, archived_at BIGINT,
  PRIMARY KEY (org, id),
  UNIQUE (org, document_id),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);

CREATE TABLE dispatch_cursor (name TEXT PRIMARY KEY, next BIGINT NOT NULL);

CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE idempotency (
  client TEXT NOT NULL, route TEXT NOT NULL, name TEXT NOT NULL, digest BLOB, result BLOB, secret BOOLEAN NOT NULL,
  created_at BIGINT, expires_at BIGINT,
  PRIMARY KEY (client, route, name)
);
CREATE INDEX idempotency_expires ON idempotency (expires_at);

-- Written to find out whether writes reach the disk again.
CREATE TABLE probe (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), n BIGINT NOT NULL);
INSERT INTO probe VALUES (1, 0);
