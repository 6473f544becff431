-- A unit's key that another one has taken the place of. It stays until nothing
-- is wrapped by it any more.
ALTER TABLE unit_key ADD COLUMN superseded_at bigint;
-- Files from before documents had keys of their own lie under a unit's key.
CREATE INDEX blob_unit_key ON blob (key_id) WHERE substr(key_id, 1, 4) = 'kek_';
