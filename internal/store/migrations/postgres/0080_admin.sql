-- Administration: what is changed has a revision, a secret overlaps with the one before
-- it, organisations have roles of their own, and links by which somebody is let in to
-- set up. Units have limits, and count what they use.
ALTER TABLE client ADD COLUMN revision bigint NOT NULL DEFAULT 1;
ALTER TABLE client ADD COLUMN old_secret_hash bytea;
ALTER TABLE client ADD COLUMN old_secret_until bigint;
ALTER TABLE unit ADD COLUMN revision bigint NOT NULL DEFAULT 1;
ALTER TABLE unit ADD COLUMN closed_at bigint;
ALTER TABLE unit ADD COLUMN limits text COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE organisation ADD COLUMN revision bigint NOT NULL DEFAULT 1;
ALTER TABLE organisation ADD COLUMN closed_at bigint;

CREATE TABLE org_role (
  org text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, title text COLLATE "C" NOT NULL, scopes text COLLATE "C" NOT NULL, revision bigint NOT NULL, created_at bigint, updated_at bigint,
  PRIMARY KEY (org, name)
);

-- org is empty where the link makes the first organisation.
CREATE TABLE setup_link (hash bytea PRIMARY KEY, org text COLLATE "C" NOT NULL, created_at bigint, expires_at bigint NOT NULL);
CREATE INDEX setup_link_expires ON setup_link (expires_at);

CREATE TABLE unit_use (
  org text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, what text COLLATE "C" NOT NULL, used bigint NOT NULL, told bigint NOT NULL,
  PRIMARY KEY (org, unit, what)
);
