-- The people of an organisation: users, the groups they are in, by what they prove
-- who they are, and where they are logged in.
CREATE TABLE person (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, display text COLLATE "C" NOT NULL, active boolean NOT NULL, roles text COLLATE "C" NOT NULL, units text COLLATE "C" NOT NULL,
  locale text COLLATE "C" NOT NULL, external_id text COLLATE "C" NOT NULL, created_at bigint, updated_at bigint, deactivated_at bigint, deleted_at bigint, revision bigint NOT NULL
);
CREATE UNIQUE INDEX person_name ON person (org, name);
CREATE INDEX person_anywhere ON person (name);

CREATE TABLE people_group (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, external_id text COLLATE "C" NOT NULL, roles text COLLATE "C" NOT NULL, units text COLLATE "C" NOT NULL,
  created_at bigint, updated_at bigint, revision bigint NOT NULL
);
CREATE UNIQUE INDEX people_group_name ON people_group (org, name);

CREATE TABLE group_member (group_id text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL, PRIMARY KEY (group_id, user_id));
CREATE INDEX group_member_user ON group_member (user_id);

-- A passkey's public half, with what its authenticator said.
CREATE TABLE passkey (
  id bytea PRIMARY KEY, user_id text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, credential text COLLATE "C" NOT NULL, created_at bigint, used_at bigint, revision bigint NOT NULL
);
CREATE INDEX passkey_user ON passkey (user_id);

-- The secret of codes by time, sealed. last_step is the newest step whose code was taken.
CREATE TABLE totp (user_id text COLLATE "C" PRIMARY KEY, sealed bytea, created_at bigint, confirmed_at bigint, last_step bigint NOT NULL, revision bigint NOT NULL);

CREATE TABLE recovery_code (user_id text COLLATE "C" NOT NULL, hash bytea NOT NULL, created_at bigint, used_at bigint, PRIMARY KEY (user_id, hash));

-- Logins in browsers, of users and by access keys, by the hash of what the cookie holds.
CREATE TABLE login_session (
  hash bytea PRIMARY KEY, id text COLLATE "C" NOT NULL, org text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL, methods text COLLATE "C" NOT NULL, address text COLLATE "C" NOT NULL, user_agent text COLLATE "C" NOT NULL,
  created_at bigint, used_at bigint, expires_at bigint NOT NULL, idle_until bigint NOT NULL
);
CREATE INDEX login_session_user ON login_session (user_id);
CREATE INDEX login_session_expires ON login_session (expires_at);

-- Links sent by e-mail to get in: once, by the hash of what the link holds.
CREATE TABLE invitation (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL, purpose text COLLATE "C" NOT NULL, hash bytea, browser bytea, tries bigint NOT NULL, made_by text COLLATE "C" NOT NULL,
  created_at bigint, expires_at bigint NOT NULL, ended_at bigint, revision bigint NOT NULL
);
CREATE UNIQUE INDEX invitation_hash ON invitation (hash);
CREATE INDEX invitation_user ON invitation (org, user_id);

-- Providers of logins outside, and whom they know. The secret is sealed.
CREATE TABLE login_provider (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, settings text COLLATE "C" NOT NULL, sealed bytea, created_at bigint, updated_at bigint, revision bigint NOT NULL
);
CREATE UNIQUE INDEX login_provider_name ON login_provider (org, name);
CREATE TABLE login_identity (provider_id text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL, created_at bigint, PRIMARY KEY (provider_id, subject));
CREATE INDEX login_identity_user ON login_identity (user_id);
