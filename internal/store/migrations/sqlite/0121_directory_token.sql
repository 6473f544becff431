-- Tokens by which directories say who works here, by their hash.
CREATE TABLE directory_token (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, name TEXT NOT NULL, hash BLOB NOT NULL, made_by TEXT NOT NULL, created_at BIGINT, expires_at BIGINT NOT NULL, warn_at BIGINT NOT NULL,
  used_at BIGINT, warned_at BIGINT, revoked_at BIGINT, revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX directory_token_hash ON directory_token (hash);
CREATE INDEX directory_token_org ON directory_token (org, id);
