-- What may be done from trusted devices only, and by which passkey somebody logged in.
CREATE TABLE device_rule (
  org TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, off INTEGER NOT NULL, holds TEXT NOT NULL, demands TEXT NOT NULL,
  revision BIGINT NOT NULL, created_at BIGINT, updated_at BIGINT,
  PRIMARY KEY (org, name)
);
ALTER TABLE login_session ADD COLUMN passkey BLOB;
ALTER TABLE delegation ADD COLUMN passkey BLOB;
