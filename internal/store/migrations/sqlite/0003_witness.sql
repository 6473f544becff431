-- How the log stands with each of its witnesses, by the witness' public key.
CREATE TABLE witness_state (
  witness TEXT PRIMARY KEY, size BIGINT NOT NULL, at BIGINT, tried_at BIGINT, code TEXT NOT NULL, reason TEXT NOT NULL
);

-- The newest checkpoint that reached the quorum, with the lines of its witnesses.
CREATE TABLE witnessed (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1), size BIGINT NOT NULL, note TEXT NOT NULL, at BIGINT
);

-- Time stamps (RFC 3161) over checkpoints: evidence, never removed.
CREATE TABLE anchor (
  id TEXT PRIMARY KEY, size BIGINT NOT NULL, note TEXT NOT NULL, tsa TEXT NOT NULL, token BLOB, stamped_at BIGINT, at BIGINT
);
CREATE INDEX anchor_at ON anchor (at);

-- The newest journal entry of the command whose result is kept.
ALTER TABLE idempotency ADD COLUMN entry TEXT NOT NULL DEFAULT '';
