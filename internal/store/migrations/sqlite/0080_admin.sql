-- Administration: what is changed has a revision, a secret overlaps with the one before
-- it, organisations have roles of their own, and links by which somebody is let in to
-- set up. Units have limits, and count what they use.
ALTER TABLE client ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE client ADD COLUMN old_secret_hash BLOB;
ALTER TABLE client ADD COLUMN old_secret_until BIGINT;
ALTER TABLE unit ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE unit ADD COLUMN closed_at BIGINT;
ALTER TABLE unit ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE organisation ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE organisation ADD COLUMN closed_at BIGINT;

CREATE TABLE org_role (
  org TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, scopes TEXT NOT NULL, revision BIGINT NOT NULL, created_at BIGINT, updated_at BIGINT,
  PRIMARY KEY (org, name)
);

-- org is empty where the link makes the first organisation.
CREATE TABLE setup_link (hash BLOB PRIMARY KEY, org TEXT NOT NULL, created_at BIGINT, expires_at BIGINT NOT NULL);
CREATE INDEX setup_link_expires ON setup_link (expires_at);

CREATE TABLE unit_use (
  org TEXT NOT NULL, unit TEXT NOT NULL, what TEXT NOT NULL, used BIGINT NOT NULL, told BIGINT NOT NULL,
  PRIMARY KEY (org, unit, what)
);
