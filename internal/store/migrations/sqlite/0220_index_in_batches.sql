-- The index takes the words of many documents in one piece: FTS5 makes a piece for every
-- statement with a trigger that writes to it (decision 0115). Who counts given on tells the
-- index the words; for the program before, which does not know it, the triggers go on doing so.
ALTER TABLE search_document ADD COLUMN given BIGINT NOT NULL DEFAULT 0;
DROP TRIGGER search_inserted;
CREATE TRIGGER search_inserted AFTER INSERT ON search_document WHEN new.given = 0 BEGIN
  INSERT INTO search_fts (rowid, words) VALUES (new.rid, new.words);
END;
DROP TRIGGER search_changed;
CREATE TRIGGER search_changed AFTER UPDATE ON search_document WHEN new.given = old.given BEGIN
  INSERT INTO search_fts (search_fts, rowid, words) VALUES ('delete', old.rid, old.words);
  INSERT INTO search_fts (rowid, words) VALUES (new.rid, new.words);
END;
-- Pieces are merged in steps of bounded length only: where 16 of a size had come together,
-- FTS5 merged them at once, which took seconds in an index of a million documents.
INSERT INTO search_fts (search_fts, rank) VALUES ('crisismerge', 500), ('automerge', 8);
INSERT INTO page_fts (page_fts, rank) VALUES ('crisismerge', 500), ('automerge', 8);
