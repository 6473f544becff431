-- The processes of the installation, as each says of itself now and then.
CREATE TABLE process (
  id text COLLATE "C" PRIMARY KEY, roles text COLLATE "C" NOT NULL, version text COLLATE "C" NOT NULL,
  started_at bigint NOT NULL, seen_at bigint NOT NULL
);
