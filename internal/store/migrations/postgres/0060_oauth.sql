-- How clients prove themselves and what they may ask for, and what people let them do.
ALTER TABLE client ADD COLUMN profile text COLLATE "C" NOT NULL DEFAULT '{}';

CREATE TABLE delegation (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, client_id text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL, scopes text COLLATE "C" NOT NULL, resources text COLLATE "C" NOT NULL,
  jkt text COLLATE "C" NOT NULL, x5t text COLLATE "C" NOT NULL, login_at bigint, methods text COLLATE "C" NOT NULL, sealed bytea, generation bigint NOT NULL, rotated_at bigint,
  created_at bigint, expires_at bigint, idle_until bigint, revoked_at bigint, reason text COLLATE "C" NOT NULL, revision bigint NOT NULL
);
CREATE INDEX delegation_user ON delegation (org, user_id, id);
CREATE INDEX delegation_client ON delegation (org, client_id, id);

CREATE TABLE authorization_code (
  hash bytea PRIMARY KEY, delegation_id text COLLATE "C" NOT NULL, client_id text COLLATE "C" NOT NULL, redirect_uri text COLLATE "C" NOT NULL, challenge text COLLATE "C" NOT NULL,
  jkt text COLLATE "C" NOT NULL, nonce text COLLATE "C" NOT NULL, created_at bigint, expires_at bigint NOT NULL, used_at bigint
);
CREATE INDEX authorization_code_expires ON authorization_code (expires_at);

CREATE TABLE pushed_request (hash bytea PRIMARY KEY, client_id text COLLATE "C" NOT NULL, form text COLLATE "C" NOT NULL, expires_at bigint NOT NULL);
CREATE INDEX pushed_request_expires ON pushed_request (expires_at);

CREATE TABLE device_code (
  hash bytea PRIMARY KEY, user_hash bytea NOT NULL UNIQUE, org text COLLATE "C" NOT NULL, client_id text COLLATE "C" NOT NULL, scopes text COLLATE "C" NOT NULL, resources text COLLATE "C" NOT NULL,
  jkt text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, delegation_id text COLLATE "C" NOT NULL, pause bigint NOT NULL, polled_at bigint, created_at bigint,
  expires_at bigint NOT NULL, revision bigint NOT NULL
);
CREATE INDEX device_code_expires ON device_code (expires_at);

-- What may be used once, by its hash, until nobody would take it any more.
CREATE TABLE used_once (hash bytea PRIMARY KEY, expires_at bigint NOT NULL);
CREATE INDEX used_once_expires ON used_once (expires_at);

-- Tokens and delegations that ended before their time, as long as a token of theirs could be about.
CREATE TABLE revocation (subject text COLLATE "C" PRIMARY KEY, expires_at bigint NOT NULL);

-- Keys that sign tokens. The private half is sealed.
CREATE TABLE token_key (
  id text COLLATE "C" PRIMARY KEY, algorithm text COLLATE "C" NOT NULL, public text COLLATE "C" NOT NULL, sealed bytea, created_at bigint, signs_at bigint NOT NULL, withdrawn_at bigint
);
