-- Who may do what: roles of clients, people who are let into a document for a
-- time, and approvals that want another pair of eyes than the creator's.
ALTER TABLE client ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE document_type ADD COLUMN four_eyes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approval ADD COLUMN four_eyes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approval ADD COLUMN submitted_by TEXT NOT NULL DEFAULT '';

CREATE TABLE document_grant (
  org TEXT NOT NULL, id TEXT NOT NULL, document_id TEXT NOT NULL, principal TEXT NOT NULL, purpose TEXT NOT NULL,
  granted_by TEXT NOT NULL, from_at INTEGER, until_at INTEGER, created_at INTEGER, revoked_at INTEGER,
  PRIMARY KEY (org, id)
);
CREATE INDEX document_grant_document ON document_grant (org, document_id, principal);
