-- Full-text search over documents: one row for each, with the words of its details
-- and its pages as the program cut them. The index takes them as they are: every
-- byte beyond ASCII belongs to a word.
CREATE TABLE search_document (
  rid INTEGER PRIMARY KEY, org TEXT NOT NULL, document_id TEXT NOT NULL, words TEXT NOT NULL,
  UNIQUE (org, document_id)
);
CREATE VIRTUAL TABLE search_fts USING fts5(words, content='search_document', content_rowid='rid', columnsize=0, tokenize='ascii', prefix='2 3');
INSERT INTO search_fts (search_fts, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER search_inserted AFTER INSERT ON search_document BEGIN
  INSERT INTO search_fts (rowid, words) VALUES (new.rid, new.words);
END;
CREATE TRIGGER search_changed AFTER UPDATE ON search_document BEGIN
  INSERT INTO search_fts (search_fts, rowid, words) VALUES ('delete', old.rid, old.words);
  INSERT INTO search_fts (rowid, words) VALUES (new.rid, new.words);
END;
CREATE TRIGGER search_deleted AFTER DELETE ON search_document BEGIN
  INSERT INTO search_fts (search_fts, rowid, words) VALUES ('delete', old.rid, old.words);
END;

-- How far the journal was looked through for what changes the index.
CREATE TABLE search_cursor (only_row INTEGER PRIMARY KEY, next BIGINT NOT NULL);
INSERT INTO search_cursor (only_row, next) VALUES (1, 0);

-- The orders in which documents are listed.
CREATE INDEX document_created ON document (org, created_at, id);
CREATE INDEX document_updated ON document (org, updated_at, id);
CREATE INDEX document_title ON document (org, title, id);
