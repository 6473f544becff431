-- What may be done from trusted devices only, and by which passkey somebody logged in.
CREATE TABLE device_rule (
  org text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, title text COLLATE "C" NOT NULL, off boolean NOT NULL, holds text COLLATE "C" NOT NULL, demands text COLLATE "C" NOT NULL,
  revision bigint NOT NULL, created_at bigint, updated_at bigint,
  PRIMARY KEY (org, name)
);
ALTER TABLE login_session ADD COLUMN passkey bytea;
ALTER TABLE delegation ADD COLUMN passkey bytea;
