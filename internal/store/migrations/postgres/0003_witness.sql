-- How the log stands with each of its witnesses, by the witness' public key.
CREATE TABLE witness_state (
  witness text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, at bigint, tried_at bigint, code text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL
);

-- The newest checkpoint that reached the quorum, with the lines of its witnesses.
CREATE TABLE witnessed (
  only_row bigint PRIMARY KEY CHECK (only_row = 1), size bigint NOT NULL, note text COLLATE "C" NOT NULL, at bigint
);

-- Time stamps (RFC 3161) over checkpoints: evidence, never removed.
CREATE TABLE anchor (
  id text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, note text COLLATE "C" NOT NULL, tsa text COLLATE "C" NOT NULL, token bytea, stamped_at bigint, at bigint
);
CREATE INDEX anchor_at ON anchor (at);

-- The newest journal entry of the command whose result is kept.
ALTER TABLE idempotency ADD COLUMN entry text COLLATE "C" NOT NULL DEFAULT '';
