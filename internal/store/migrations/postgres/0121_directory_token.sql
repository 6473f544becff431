-- Tokens by which directories say who works here, by their hash.
CREATE TABLE directory_token (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, hash bytea NOT NULL, made_by text COLLATE "C" NOT NULL, created_at bigint, expires_at bigint NOT NULL, warn_at bigint NOT NULL,
  used_at bigint, warned_at bigint, revoked_at bigint, revision bigint NOT NULL
);
CREATE UNIQUE INDEX directory_token_hash ON directory_token (hash);
CREATE INDEX directory_token_org ON directory_token (org, id);
