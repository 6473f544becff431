-- How clients prove themselves and what they may ask for, and what people let them do.
ALTER TABLE client ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';

CREATE TABLE delegation (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, client_id TEXT NOT NULL, user_id TEXT NOT NULL, scopes TEXT NOT NULL, resources TEXT NOT NULL,
  jkt TEXT NOT NULL, x5t TEXT NOT NULL, login_at BIGINT, methods TEXT NOT NULL, sealed BLOB, generation BIGINT NOT NULL, rotated_at BIGINT,
  created_at BIGINT, expires_at BIGINT, idle_until BIGINT, revoked_at BIGINT, reason TEXT NOT NULL, revision BIGINT NOT NULL
);
CREATE INDEX delegation_user ON delegation (org, user_id, id);
CREATE INDEX delegation_client ON delegation (org, client_id, id);

CREATE TABLE authorization_code (
  hash BLOB PRIMARY KEY, delegation_id TEXT NOT NULL, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL, challenge TEXT NOT NULL,
  jkt TEXT NOT NULL, nonce TEXT NOT NULL, created_at BIGINT, expires_at BIGINT NOT NULL, used_at BIGINT
);
CREATE INDEX authorization_code_expires ON authorization_code (expires_at);

CREATE TABLE pushed_request (hash BLOB PRIMARY KEY, client_id TEXT NOT NULL, form TEXT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX pushed_request_expires ON pushed_request (expires_at);

CREATE TABLE device_code (
  hash BLOB PRIMARY KEY, user_hash BLOB NOT NULL UNIQUE, org TEXT NOT NULL, client_id TEXT NOT NULL, scopes TEXT NOT NULL, resources TEXT NOT NULL,
  jkt TEXT NOT NULL, state TEXT NOT NULL, delegation_id TEXT NOT NULL, pause BIGINT NOT NULL, polled_at BIGINT, created_at BIGINT,
  expires_at BIGINT NOT NULL, revision BIGINT NOT NULL
);
CREATE INDEX device_code_expires ON device_code (expires_at);

-- What may be used once, by its hash, until nobody would take it any more.
CREATE TABLE used_once (hash BLOB PRIMARY KEY, expires_at BIGINT NOT NULL);
CREATE INDEX used_once_expires ON used_once (expires_at);

-- Tokens and delegations that ended before their time, as long as a token of theirs could be about.
CREATE TABLE revocation (subject TEXT PRIMARY KEY, expires_at BIGINT NOT NULL);

-- Keys that sign tokens. The private half is sealed.
CREATE TABLE token_key (
  id TEXT PRIMARY KEY, algorithm TEXT NOT NULL, public TEXT NOT NULL, sealed BLOB, created_at BIGINT, signs_at BIGINT NOT NULL, withdrawn_at BIGINT
);
