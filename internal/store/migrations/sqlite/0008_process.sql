-- The processes of the installation, as each says of itself now and then.
CREATE TABLE process (
  id TEXT PRIMARY KEY, roles TEXT NOT NULL, version TEXT NOT NULL,
  started_at BIGINT NOT NULL, seen_at BIGINT NOT NULL
);
