-- The people of an organisation: users, the groups they are in, by what they prove
-- who they are, and where they are logged in.
CREATE TABLE person (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, name TEXT NOT NULL, display TEXT NOT NULL, active INTEGER NOT NULL, roles TEXT NOT NULL, units TEXT NOT NULL,
  locale TEXT NOT NULL, external_id TEXT NOT NULL, created_at INTEGER, updated_at INTEGER, deactivated_at INTEGER, deleted_at INTEGER, revision INTEGER NOT NULL
);
CREATE UNIQUE INDEX person_name ON person (org, name);
CREATE INDEX person_anywhere ON person (name);

CREATE TABLE people_group (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, name TEXT NOT NULL, external_id TEXT NOT NULL, roles TEXT NOT NULL, units TEXT NOT NULL,
  created_at INTEGER, updated_at INTEGER, revision INTEGER NOT NULL
);
CREATE UNIQUE INDEX people_group_name ON people_group (org, name);

CREATE TABLE group_member (group_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (group_id, user_id));
CREATE INDEX group_member_user ON group_member (user_id);

-- A passkey's public half, with what its authenticator said.
CREATE TABLE passkey (
  id BLOB PRIMARY KEY, user_id TEXT NOT NULL, name TEXT NOT NULL, credential TEXT NOT NULL, created_at INTEGER, used_at INTEGER, revision INTEGER NOT NULL
);
CREATE INDEX passkey_user ON passkey (user_id);

-- The secret of codes by time, sealed. last_step is the newest step whose code was taken.
CREATE TABLE totp (user_id TEXT PRIMARY KEY, sealed BLOB, created_at INTEGER, confirmed_at INTEGER, last_step INTEGER NOT NULL, revision INTEGER NOT NULL);

CREATE TABLE recovery_code (user_id TEXT NOT NULL, hash BLOB NOT NULL, created_at INTEGER, used_at INTEGER, PRIMARY KEY (user_id, hash));

-- Logins in browsers, of users and by access keys, by the hash of what the cookie holds.
CREATE TABLE login_session (
  hash BLOB PRIMARY KEY, id TEXT NOT NULL, org TEXT NOT NULL, user_id TEXT NOT NULL, methods TEXT NOT NULL, address TEXT NOT NULL, user_agent TEXT NOT NULL,
  created_at INTEGER, used_at INTEGER, expires_at INTEGER NOT NULL, idle_until INTEGER NOT NULL
);
CREATE INDEX login_session_user ON login_session (user_id);
CREATE INDEX login_session_expires ON login_session (expires_at);

-- Links sent by e-mail to get in: once, by the hash of what the link holds.
CREATE TABLE invitation (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, user_id TEXT NOT NULL, purpose TEXT NOT NULL, hash BLOB, browser BLOB, tries INTEGER NOT NULL, made_by TEXT NOT NULL,
  created_at INTEGER, expires_at INTEGER NOT NULL, ended_at INTEGER, revision INTEGER NOT NULL
);
CREATE UNIQUE INDEX invitation_hash ON invitation (hash);
CREATE INDEX invitation_user ON invitation (org, user_id);

-- Providers of logins outside, and whom they know. The secret is sealed.
CREATE TABLE login_provider (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, name TEXT NOT NULL, settings TEXT NOT NULL, sealed BLOB, created_at INTEGER, updated_at INTEGER, revision INTEGER NOT NULL
);
CREATE UNIQUE INDEX login_provider_name ON login_provider (org, name);
CREATE TABLE login_identity (provider_id TEXT NOT NULL, subject TEXT NOT NULL, user_id TEXT NOT NULL, created_at INTEGER, PRIMARY KEY (provider_id, subject));
CREATE INDEX login_identity_user ON login_identity (user_id);
