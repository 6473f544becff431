-- Who may do what: roles of clients, people who are let into a document for a
-- time, and approvals that want another pair of eyes than the creator's.
ALTER TABLE client ADD COLUMN roles text COLLATE "C" NOT NULL DEFAULT '[]';
ALTER TABLE document_type ADD COLUMN four_eyes boolean NOT NULL DEFAULT false;
ALTER TABLE approval ADD COLUMN four_eyes boolean NOT NULL DEFAULT false;
ALTER TABLE approval ADD COLUMN submitted_by text COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE document_grant (
  org text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, principal text COLLATE "C" NOT NULL, purpose text COLLATE "C" NOT NULL,
  granted_by text COLLATE "C" NOT NULL, from_at bigint, until_at bigint, created_at bigint, revoked_at bigint,
  PRIMARY KEY (org, id)
);
CREATE INDEX document_grant_document ON document_grant (org, document_id, principal);
