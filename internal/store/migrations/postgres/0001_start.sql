-- The index that finds any substring of a page is made by the program, since its
-- extension may be missing. Times are microseconds since 1970 in UTC, NULL where there is none. JSON is text.

CREATE TABLE organisation (
  id text COLLATE "C" PRIMARY KEY, name text COLLATE "C" NOT NULL, created_at bigint
);

CREATE TABLE client (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL REFERENCES organisation (id), name text COLLATE "C" NOT NULL, principal text COLLATE "C" NOT NULL,
  scopes text COLLATE "C" NOT NULL, units text COLLATE "C" NOT NULL, secret_hash bytea, created_at bigint, revoked_at bigint
);
CREATE INDEX client_org ON client (org, id);

CREATE TABLE unit (
  org text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, title text COLLATE "C" NOT NULL, created_at bigint,
  PRIMARY KEY (org, name)
);

CREATE TABLE document_type (
  org text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, title text COLLATE "C" NOT NULL, schema text COLLATE "C", revision bigint NOT NULL,
  created_at bigint, updated_at bigint,
  PRIMARY KEY (org, name)
);

CREATE TABLE document (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, doc_type text COLLATE "C" NOT NULL, title text COLLATE "C" NOT NULL,
  external_id text COLLATE "C" NOT NULL, labels text COLLATE "C" NOT NULL, metadata text COLLATE "C", approvers text COLLATE "C" NOT NULL, created_by text COLLATE "C" NOT NULL,
  created_at bigint, updated_at bigint, state text COLLATE "C" NOT NULL, current_version bigint NOT NULL, pages bigint NOT NULL,
  proc_status text COLLATE "C" NOT NULL, proc_step text COLLATE "C" NOT NULL, proc_operation text COLLATE "C" NOT NULL, proc_code text COLLATE "C" NOT NULL,
  proc_reason text COLLATE "C" NOT NULL, revision bigint NOT NULL, entry_seq bigint NOT NULL, last_leaf bytea,
  PRIMARY KEY (org, id)
);
CREATE UNIQUE INDEX document_external ON document (org, external_id) WHERE external_id <> '';
CREATE INDEX document_state ON document (org, state, id);

CREATE TABLE version (
  org text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, number bigint NOT NULL, kind text COLLATE "C" NOT NULL, derived_from bigint NOT NULL,
  media_type text COLLATE "C" NOT NULL, file_name text COLLATE "C" NOT NULL, blob text COLLATE "C" NOT NULL, sha256 text COLLATE "C" NOT NULL, size bigint NOT NULL,
  pages bigint NOT NULL, signatures bigint NOT NULL, created_at bigint,
  PRIMARY KEY (org, document_id, number),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);

CREATE TABLE page (
  org text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, version bigint NOT NULL, number bigint NOT NULL, width double precision NOT NULL,
  height double precision NOT NULL, turned bigint NOT NULL, blank boolean NOT NULL, source text COLLATE "C" NOT NULL, engine text COLLATE "C" NOT NULL,
  confidence double precision NOT NULL, words bigint NOT NULL, blob text COLLATE "C" NOT NULL, text text COLLATE "C" NOT NULL, folded text COLLATE "C" NOT NULL,
  PRIMARY KEY (org, document_id, version, number),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);
CREATE TABLE unit_key (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, class text COLLATE "C" NOT NULL, master_id text COLLATE "C" NOT NULL,
  wrapped bytea, created_at bigint,
  UNIQUE (org, unit, class)
);

CREATE TABLE blob (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, key_id text COLLATE "C" NOT NULL, data_key bytea, size bigint NOT NULL,
  sha256 text COLLATE "C" NOT NULL, created_at bigint, destroyed_at bigint
);

CREATE TABLE approval (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, document_version bigint NOT NULL,
  document_sha256 text COLLATE "C" NOT NULL, initiator_user text COLLATE "C" NOT NULL, initiator_email text COLLATE "C" NOT NULL, mode text COLLATE "C" NOT NULL,
  quorum bigint NOT NULL, due_at bigint, state text COLLATE "C" NOT NULL, created_at bigint, closed_at bigint, revision bigint NOT NULL,
  PRIMARY KEY (org, id),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);
CREATE INDEX approval_document ON approval (org, document_id);
CREATE UNIQUE INDEX approval_open ON approval (org, document_id) WHERE state = 'open';

CREATE TABLE task (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, approval_id text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, position bigint NOT NULL,
  assignee text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, comment text COLLATE "C" NOT NULL, decided_by text COLLATE "C" NOT NULL, on_behalf_of text COLLATE "C" NOT NULL,
  opened_at bigint, decided_at bigint,
  PRIMARY KEY (org, id),
  FOREIGN KEY (org, approval_id) REFERENCES approval (org, id)
);
CREATE INDEX task_approval ON task (org, approval_id, position);
CREATE INDEX task_assignee ON task (org, assignee, document_id);

CREATE TABLE envelope (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, version bigint NOT NULL,
  sha256 text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, message text COLLATE "C" NOT NULL, sender_id text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL, expires_at bigint, created_at bigint, sent_at bigint, closed_at bigint, revision bigint NOT NULL,
  sealed_version bigint NOT NULL,
  PRIMARY KEY (org, id),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);
CREATE INDEX envelope_document ON envelope (org, document_id);

CREATE TABLE recipient (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, envelope_id text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, position bigint NOT NULL,
  sign_order bigint NOT NULL, name text COLLATE "C" NOT NULL, email text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL,
  sent_at bigint, delivered_at bigint, viewed_at bigint, consented_at bigint, signed_at bigint, declined_at bigint,
  reason text COLLATE "C" NOT NULL, reminders bigint NOT NULL, reminded_at bigint, evidence text COLLATE "C" NOT NULL, signature text COLLATE "C" NOT NULL,
  PRIMARY KEY (org, id),
  FOREIGN KEY (org, envelope_id) REFERENCES envelope (org, id)
);
CREATE INDEX recipient_envelope ON recipient (org, envelope_id, position);
CREATE INDEX recipient_email ON recipient (org, email, document_id);

CREATE TABLE link (
  token_hash bytea PRIMARY KEY, org text COLLATE "C" NOT NULL, envelope_id text COLLATE "C" NOT NULL, recipient_id text COLLATE "C" NOT NULL,
  channel text COLLATE "C" NOT NULL, created_at bigint, expires_at bigint
);
CREATE INDEX link_expires ON link (expires_at);

CREATE TABLE entry (
  id text COLLATE "C" PRIMARY KEY, idx bigint, org text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, subject_type text COLLATE "C" NOT NULL,
  subject_id text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, doc_version bigint NOT NULL, doc_seq bigint NOT NULL, at bigint,
  actor_kind text COLLATE "C" NOT NULL, actor_id text COLLATE "C" NOT NULL, principal text COLLATE "C" NOT NULL, on_behalf_of text COLLATE "C" NOT NULL,
  peer text COLLATE "C" NOT NULL, forwarded text COLLATE "C" NOT NULL, user_agent text COLLATE "C" NOT NULL, request_id text COLLATE "C" NOT NULL,
  digests text COLLATE "C" NOT NULL, data text COLLATE "C", trace text COLLATE "C" NOT NULL, salt bytea NOT NULL, prev_leaf bytea NOT NULL, leaf bytea NOT NULL
);
CREATE UNIQUE INDEX entry_idx ON entry (idx) WHERE idx IS NOT NULL;
CREATE INDEX entry_pending ON entry (id) WHERE idx IS NULL;
CREATE INDEX entry_org ON entry (org, idx) WHERE idx IS NOT NULL;
-- A document's own chain has no two entries of one place.
CREATE UNIQUE INDEX entry_document ON entry (document_id, doc_seq) WHERE document_id <> '';
CREATE INDEX entry_subject ON entry (subject_id) WHERE subject_id <> document_id;

CREATE TABLE tree_hash (pos bigint PRIMARY KEY, hash bytea NOT NULL);

CREATE TABLE checkpoint (
  size bigint PRIMARY KEY, root bytea NOT NULL, epoch bigint NOT NULL, note text COLLATE "C" NOT NULL, at bigint
);

CREATE TABLE log_head (
  only_row bigint PRIMARY KEY CHECK (only_row = 1), size bigint NOT NULL, root bytea NOT NULL, epoch bigint NOT NULL
);
-- The root of the empty tree is SHA-256 of nothing (RFC 6962, section 2.1).
INSERT INTO log_head VALUES (1, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0);

CREATE TABLE lease (
  name text COLLATE "C" PRIMARY KEY, holder text COLLATE "C" NOT NULL, epoch bigint NOT NULL, until bigint NOT NULL
);

CREATE TABLE operation (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL,
  envelope_id text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, step text COLLATE "C" NOT NULL, done bigint NOT NULL, total bigint NOT NULL,
  attempts bigint NOT NULL, code text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL, retryable boolean NOT NULL,
  created_at bigint, started_at bigint, ended_at bigint, revision bigint NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX operation_document ON operation (org, document_id);
CREATE INDEX operation_open ON operation (kind, created_at) WHERE state IN ('pending', 'running');

CREATE TABLE archive_record (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, version bigint NOT NULL,
  sha256 text COLLATE "C" NOT NULL, package text COLLATE "C" NOT NULL, package_sha256 text COLLATE "C" NOT NULL, package_size bigint NOT NULL, files text COLLATE "C",
  rule text COLLATE "C" NOT NULL, archived_at bigint,
  PRIMARY KEY (org, id),
  UNIQUE (org, document_id),
  FOREIGN KEY (org, document_id) REFERENCES document (org, id)
);

CREATE TABLE dispatch_cursor (name text COLLATE "C" PRIMARY KEY, next bigint NOT NULL);

CREATE TABLE setting (name text COLLATE "C" PRIMARY KEY, value text COLLATE "C" NOT NULL);

CREATE TABLE idempotency (
  client text COLLATE "C" NOT NULL, route text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, digest bytea, result bytea, secret boolean NOT NULL,
  created_at bigint, expires_at bigint,
  PRIMARY KEY (client, route, name)
);
CREATE INDEX idempotency_expires ON idempotency (expires_at);

-- Written to find out whether writes reach the disk again.
CREATE TABLE probe (only_row bigint PRIMARY KEY CHECK (only_row = 1), n bigint NOT NULL);
INSERT INTO probe VALUES (1, 0);
