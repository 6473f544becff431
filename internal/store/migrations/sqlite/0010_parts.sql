-- Parts of a long document's reading wait beside operations, so that several
-- processes read it. A part names the operation it belongs to, and its pages; the
-- operation, how many parts it was divided into.
ALTER TABLE backlog ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE backlog ADD COLUMN first_page BIGINT NOT NULL DEFAULT 0;
ALTER TABLE backlog ADD COLUMN last_page BIGINT NOT NULL DEFAULT 0;
ALTER TABLE backlog ADD COLUMN parts BIGINT NOT NULL DEFAULT 0;
CREATE INDEX backlog_parent ON backlog (org, parent) WHERE parent <> '';
CREATE INDEX backlog_parted ON backlog (org, doc_type) WHERE code = 'parted';
