-- Full-text search over documents: one row for each, with the words of its details
-- and its pages as the program cut them; no dictionary of the database has a part in it.
CREATE TABLE search_document (
  org text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL, words tsvector NOT NULL,
  PRIMARY KEY (org, document_id)
);
CREATE INDEX search_words ON search_document USING gin (words);

-- How far the journal was looked through for what changes the index.
CREATE TABLE search_cursor (only_row integer PRIMARY KEY, next bigint NOT NULL);
INSERT INTO search_cursor (only_row, next) VALUES (1, 0);

-- The orders in which documents are listed.
CREATE INDEX document_created ON document (org, created_at, id);
CREATE INDEX document_updated ON document (org, updated_at, id);
CREATE INDEX document_title ON document (org, title, id);
